/** Writes the editor's files of every node beside its compiled file: page, catalogues, help, icon; and the Korean examples. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { english, korean } from "./catalogue";
import { checkDeclaration } from "./check-declaration";
import { KOREAN_EXAMPLES, koreanExamples } from "./flow-words";
import { formOf } from "./form";
import { helpPage } from "./help";
import { packNodes, ROOT, type PackNode } from "./nodes";
import { scriptOf } from "./script";
import { checkWords, koreanReasons, PLUGIN, reasonCatalogue, wordsPage } from "./words-page";

/** Where the plugin's page lies. */
const WORDS_PAGE = `dist/nodes/editor/${PLUGIN}.html`;

const problems: string[] = [];

function write(file: string, content: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function help(node: PackNode, name: string): string {
  const file = path.join(node.source, name);
  if (!existsSync(file)) {
    problems.push(`${node.set}: ${name} is missing`);
    return "";
  }
  const page = helpPage(readFileSync(file, "utf8"), (text) => problems.push(`${node.set}: ${name}: ${text}`));
  return `<script type="text/markdown" data-help-name="${node.declaration.type}">\n${page}\n</script>\n`;
}

function buildNode(node: PackNode): void {
  const { set, declaration, output } = node;
  problems.push(...checkDeclaration(node));
  write(path.join(output, `${set}.html`), `${scriptOf(node)}\n\n${formOf(node)}\n`);
  const { words, missing, unused } = korean(node);
  problems.push(...missing.map((key) => `${set}: no Korean words for ${key}`));
  problems.push(...unused.map((key) => `${set}: ko.json has words for ${key}, which nothing uses`));
  const catalogue = (content: unknown): string => `${JSON.stringify({ [set]: content }, null, 2)}\n`;
  write(path.join(output, "locales/en-US", `${set}.json`), catalogue(english(node)));
  write(path.join(output, "locales/en-US", `${set}.html`), help(node, "help.md"));
  write(path.join(output, "locales/ko", `${set}.json`), catalogue(words));
  write(path.join(output, "locales/ko", `${set}.html`), help(node, "help.ko.md"));
  if (declaration.icon && !declaration.icon.startsWith("font-awesome/")) {
    const icon = path.join(ROOT, "icons", declaration.icon);
    if (existsSync(icon)) {
      mkdirSync(path.join(output, "icons"), { recursive: true });
      copyFileSync(icon, path.join(output, "icons", declaration.icon));
    } else problems.push(`${set}: icons/${declaration.icon} is missing`);
  }
}

/** The plugin that shows statuses and reasons in the editor's language. */
function buildWords(nodes: readonly PackNode[]): void {
  const reasons = koreanReasons();
  problems.push(...checkWords(nodes, reasons));
  const output = path.join(ROOT, path.dirname(WORDS_PAGE));
  const catalogue = (texts: readonly string[]): string => `${JSON.stringify(reasonCatalogue(texts), null, 2)}\n`;
  write(path.join(ROOT, WORDS_PAGE), wordsPage(nodes, Object.keys(reasons)));
  write(path.join(output, `locales/en-US/${PLUGIN}.json`), catalogue(Object.keys(reasons)));
  write(path.join(output, `locales/ko/${PLUGIN}.json`), catalogue(Object.values(reasons)));
}

function buildExamples(): void {
  const { examples, problems: wrong } = koreanExamples();
  problems.push(...wrong);
  // one that was renamed does not stay under its old name
  rmSync(KOREAN_EXAMPLES, { recursive: true, force: true });
  for (const { name, flow } of examples)
    write(path.join(KOREAN_EXAMPLES, `${name}.json`), `${JSON.stringify(flow, null, 2)}\n`);
}

/** Node-RED reads the list of nodes from package.json; it is written from the folders so that nobody keeps it by hand. */
function listNodes(nodes: readonly PackNode[]): void {
  const file = path.join(ROOT, "package.json");
  const before = readFileSync(file, "utf8");
  const manifest = JSON.parse(before) as { "node-red"?: object };
  manifest["node-red"] = {
    version: ">=4.1.0",
    nodes: Object.fromEntries(
      nodes.map(({ set, declaration }) => [set, `dist/nodes/${declaration.group}/${set}/${set}.js`]),
    ),
    plugins: { [PLUGIN]: WORDS_PAGE },
  };
  const after = `${JSON.stringify(manifest, null, 2)}\n`;
  if (after === before) return;
  if (process.argv.includes("--check"))
    problems.push("package.json: the list of nodes is not fresh; run npm run build");
  else writeFileSync(file, after);
}

const nodes = packNodes();
nodes.forEach(buildNode);
buildWords(nodes);
buildExamples();
listNodes(nodes);
for (const problem of problems) console.error(`editor: ${problem}`);
console.log(`editor: ${nodes.length} nodes, ${problems.length} problems`);
if (process.argv.includes("--check") && problems.length > 0) process.exitCode = 1;
