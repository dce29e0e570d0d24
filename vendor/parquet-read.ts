export { parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
export { isListLike, isMapLike } from "hyparquet/src/schema.js";
