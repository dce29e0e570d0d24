/** What readers of a lake find in its folder. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { filesBelow } from "../../harness/lines";

/** Full names of the files below a folder: none that is hidden, or still the writer's own. */
export const storedFiles = (folder: string): string[] =>
  filesBelow(folder).filter(
    (name) =>
      !path
        .relative(folder, name)
        .split(path.sep)
        .some((part) => /^[_.+]/u.test(part)),
  );

/** The lines of these files. */
export const storedLines = (folder: string): string[] =>
  storedFiles(folder).flatMap((name) => readFileSync(name, "utf8").trimEnd().split("\n"));
