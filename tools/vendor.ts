/**
 * Puts small packages that are written in JavaScript alone into `dist/vendor`, with their licences, so that the pack
 * needs no dependency for each. What `vendor/*.ts` re-exports is bundled in place of what tsc made of those files; the
 * pack imports it by relative path. Everything else stays as it was compiled: connections and the ledger must be single.
 */
import { build } from "esbuild";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./editor/nodes";

const folder = path.join(ROOT, "dist", "vendor");
const LICENCES = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license"];

/** The package whose file an input is: `node_modules/@scope/name/src/index.js` is of `@scope/name`. */
const packageOf = (input: string): string | undefined =>
  /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//u.exec(input.replaceAll("\\", "/"))?.[1];

function licenceOf(name: string): string {
  const at = path.join(ROOT, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(path.join(at, "package.json"), "utf8")) as Record<
    string,
    string
  >;
  const file = LICENCES.map((one) => path.join(at, one)).find((one) => existsSync(one));
  if (!file && !license) throw new Error(`vendor: ${name} has no licence`);
  const text = file ? readFileSync(file, "utf8") : "The package holds no text of its licence.\n";
  return `${name} ${version} (${license}), bundled here from the npm registry\n\n${text}`;
}

async function main(): Promise<void> {
  const entries = readdirSync(path.join(ROOT, "vendor")).map((file) => path.basename(file, ".ts"));
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: entries.map((name) => path.join(ROOT, "vendor", `${name}.ts`)),
    outdir: folder,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20.19",
    legalComments: "inline",
    metafile: true,
    logLevel: "warning",
  });
  const packages = new Set(Object.keys(metafile.inputs).flatMap((input) => packageOf(input) ?? []));
  for (const name of packages) {
    const file = `${name.replace("/", "+")}.LICENSE.txt`;
    writeFileSync(path.join(folder, file), licenceOf(name));
  }
}

void main();
