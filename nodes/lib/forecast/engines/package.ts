/** Optional packages: looked for when a node is set to need them. */
import { ConfigError } from "../../errors";
import { findOptional, versionOf } from "../../optional-package";

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
  const entry = findOptional(name, folder);
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
