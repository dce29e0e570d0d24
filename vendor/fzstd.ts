export { decompress, Decompress } from "fzstd";
