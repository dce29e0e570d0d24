/** Files that are written, and removed, while a test looks. */
import { readdirSync, readFileSync, statSync } from "node:fs";
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

/** Full names of the files below a folder. One that goes away in between, and a folder with it, is left out. */
export const filesBelow = (folder: string): string[] =>
  unlessGone([], () => readdirSync(folder, { withFileTypes: true })).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [name];
  });

/** Bytes of a file; 0 when it is gone. */
export const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
