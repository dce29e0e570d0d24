/** Checks what `npm pack` would publish, and the rules of Node-RED's scorecard that can be read from the files. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import { koreanExamples } from "./editor/flow-words";
import { packNodes, ROOT } from "./editor/nodes";

interface Manifest {
  name: string;
  bin: Record<string, string>;
  license: string;
  keywords: string[];
  repository: unknown;
  engines: { node: string };
  dependencies: Record<string, string>;
  "node-red": { version: string; nodes: Record<string, string>; plugins: Record<string, string> };
}

/** What users need; anything else in the package is a mistake. */
const WANTED = [
  /^dist\/nodes\/.+\.(js|html|json|svg|wasm|bin)$/u,
  /^dist\/vendor\/.+\.(js|LICENSE\.txt)$/u,
  /^models\//u,
  /^examples\/.+\.json$/u,
  /^(LICENSE|README(\.ko)?\.md|CHANGELOG\.md|package\.json)$/u,
];
const LARGEST = 5_000_000;

const problems: string[] = [];
const expect = (holds: boolean, problem: string): void => {
  if (!holds) problems.push(problem);
};

const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as Manifest;
const nodes = packNodes();

expect(manifest.name.startsWith("@citystream/"), "the package's name is not scoped");
expect(manifest.license === "Apache-2.0", "the licence is not stated");
expect(manifest.keywords.includes("node-red"), "the keyword node-red is missing");
expect(Boolean(manifest.repository), "the repository is missing");
expect(manifest.engines.node === ">=20.19", "engines.node must admit Node 20.19 and later");
expect(Object.keys(manifest.dependencies).length <= 6, "more than six dependencies");
for (const [name, version] of Object.entries(manifest.dependencies)) {
  expect(/^\d/u.test(version), `${name} is not pinned: ${version}`);
}

const examples = readdirSync(path.join(ROOT, "examples"))
  .filter((file) => file.endsWith(".json"))
  .map((file) => readFileSync(path.join(ROOT, "examples", file), "utf8"));
for (const { declaration } of nodes) {
  const used = examples.some((example) => example.includes(`"${declaration.type}"`));
  expect(used, `${declaration.type} appears in no example`);
}

const [packed] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }),
) as [{ files: { path: string }[]; unpackedSize: number }];
const files = new Set(packed.files.map((file) => file.path));
for (const file of files)
  expect(
    WANTED.some((wanted) => wanted.test(file)),
    `${file} should not be published`,
  );
for (const { set, declaration } of nodes) {
  const base = `dist/nodes/${declaration.group}/${set}`;
  for (const file of [
    `${set}.js`,
    `${set}.html`,
    `locales/en-US/${set}.json`,
    `locales/ko/${set}.json`,
    `locales/en-US/${set}.html`,
    `locales/ko/${set}.html`,
  ]) {
    expect(files.has(`${base}/${file}`), `${base}/${file} would not be published`);
  }
}
for (const command of Object.values(manifest.bin)) {
  expect(files.has(command), `${command} would not be published`);
}
for (const page of Object.values(manifest["node-red"].plugins)) {
  expect(files.has(page), `${page} would not be published`);
}
for (const { name } of koreanExamples().examples) {
  expect(files.has(`examples/한국어/${name}.json`), `the Korean example ${name} would not be published`);
}
const vendored = [...files].filter((file) => /^dist\/vendor\/.+\.js$/u.test(file));
expect(vendored.length > 0, "dist/vendor would not be published");
for (const file of vendored) {
  const needed = [...readFileSync(path.join(ROOT, file), "utf8").matchAll(/\brequire\("([^"]+)"\)/gu)];
  for (const [, name = ""] of needed)
    expect(isBuiltin(name), `${file} needs ${name}: run \`npm run build\`, which bundles it`);
}
expect(packed.unpackedSize <= LARGEST, `the package unpacks to ${packed.unpackedSize} bytes, more than ${LARGEST}`);

for (const problem of problems) console.error(`package: ${problem}`);
console.log(
  `package: ${files.size} files, ${Math.round(packed.unpackedSize / 1000)} kB unpacked, ${problems.length} problems`,
);
if (problems.length > 0) process.exitCode = 1;
