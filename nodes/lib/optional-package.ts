/** Packages that a user installs beside the pack, since nobody else needs them. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Path of a package's entry, looked for from `folder`, Node-RED's user directory, and beside this pack; undefined: it is not
 * there. Node.js remembers that a package was missing, so Node-RED is restarted after installing one.
 */
export function findOptional(name: string, folder: string | undefined): string | undefined {
  try {
    return require.resolve(name, { paths: [...(folder === undefined ? [] : [folder]), __dirname] });
  } catch {
    return undefined;
  }
}

/** The version of the package that an entry belongs to; "" when it does not say. */
export function versionOf(name: string, entry: string): string {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (found.name === name) return found.version ?? "";
    } catch {
      // Further up.
    }
  }
  return "";
}
