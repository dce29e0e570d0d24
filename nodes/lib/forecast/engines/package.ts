/** Optional packages: looked for when a node is set to need them. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError } from "../../errors";

/** What to do for each; the options keep npm from running install scripts that fetch from outside of it and are not needed. */
const INSTALL = {
  "@tensorflow/tfjs": "npm install @tensorflow/tfjs@4",
  "onnxruntime-node": "npm install --ignore-scripts onnxruntime-node@1",
} as const;
export type OptionalPackage = keyof typeof INSTALL;

/**
 * Path of the package's entry, looked for from `folder`, Node-RED's user directory, and beside this pack.
 * @throws ConfigError that says what to install, and where
 */
export function findPackage(name: OptionalPackage, folder: string | undefined): string {
  const place = folder ?? "Node-RED's user directory";
  const entry = findBeside(name, folder);
  if (entry === undefined)
    throw new ConfigError(
      `Engine: ${name} is not installed; run "${INSTALL[name]}" in ${place} and restart Node-RED, or choose the built-in engine.`,
    );
  const [wanted] = /\d+$/u.exec(INSTALL[name]) ?? [""];
  const version = versionOf(name, entry);
  if (!version.startsWith(`${wanted}.`))
    throw new ConfigError(
      `Engine: ${name} ${version} is installed, and only ${wanted}.x is known to work; run "${INSTALL[name]}" in ${place} and restart Node-RED, or choose the built-in engine.`,
    );
  return entry;
}

/** The same for a package that makes another one better; undefined: it is not there. */
export function findBeside(name: string, folder: string | undefined): string | undefined {
  try {
    return require.resolve(name, { paths: [...(folder === undefined ? [] : [folder]), __dirname] });
  } catch {
    return undefined;
  }
}

function versionOf(name: string, entry: string): string {
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
