/** Files of lines that are written, and removed, while a test looks. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** What `read` gives, or `none` when the file or folder is not there, or not any more. */
const unlessGone = <T>(none: T, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return none;
    throw error;
  }
};

/** The lines of a folder's `.ndjson` files. */
export const linesIn = (folder: string): string[] =>
  unlessGone([], () => readdirSync(folder))
    .filter((name) => name.endsWith(".ndjson"))
    .sort()
    .flatMap((name) => unlessGone("", () => readFileSync(path.join(folder, name), "utf8")).split("\n"))
    .filter((line) => line !== "");
