/**
 * Flows that come with the pack, in Korean: `flows/ko.json` has the Korean of everything that a reader sees of a flow in the
 * editor and on a dashboard. The flows themselves are English, so that there is one of each to change.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type FlowNode, withoutKafka } from "../start/without-kafka";
import { ROOT } from "./nodes";

/** The folder of the Korean examples, which Node-RED's import menu shows by this name. */
export const KOREAN_EXAMPLES = path.join(ROOT, "examples/한국어");
const TABLE = path.join(ROOT, "flows/ko.json");

export interface FlowWords {
  /** The Korean of names, labels, descriptions, lanes, and comments in the code of functions. */
  readonly texts: Readonly<Record<string, string>>;
  /** By the id of a function node: pieces of its code that show words, for a table or a chart. */
  readonly code: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Translated {
  readonly flow: FlowNode[];
  /** Texts and ids for which the table was asked. */
  readonly used: ReadonlySet<string>;
  /** Texts without Korean, and pieces of code that are not there. */
  readonly missing: ReadonlySet<string>;
}

export const flowWords = (): FlowWords => JSON.parse(readFileSync(TABLE, "utf8")) as FlowWords;

const readFlow = (file: string): FlowNode[] => JSON.parse(readFileSync(file, "utf8")) as FlowNode[];
const namesIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(".json"));

const SHOWN = ["label", "name", "info"] as const;
const COMMENT = /(^|\s)\/\/ (.*)$/gmu;

/** The flow with its words in Korean; what the table lacks stays as it is. */
export function inKorean(flow: readonly FlowNode[], { texts, code }: FlowWords): Translated {
  const used = new Set<string>();
  const missing = new Set<string>();
  const textOf = (english: string): string => {
    used.add(english);
    const korean = texts[english];
    if (korean === undefined) missing.add(english);
    return korean ?? english;
  };
  const codeOf = (id: string, source: string): string => {
    used.add(id);
    let result = source.replace(COMMENT, (_, before: string, words: string) => `${before}// ${textOf(words)}`);
    for (const [piece, korean] of Object.entries(code[id] ?? {})) {
      if (!result.includes(piece)) missing.add(`${piece} in the code of ${id}`);
      result = result.replaceAll(piece, () => korean);
    }
    return result;
  };
  const nodeOf = (node: FlowNode): FlowNode => {
    const result: FlowNode = { ...node };
    for (const name of SHOWN) {
      const value = node[name];
      if (typeof value === "string" && value !== "") result[name] = textOf(value);
    }
    if (typeof node["func"] === "string") result["func"] = codeOf(node.id, node["func"]);
    const lanes = node["lanes"] as { lane: string }[] | undefined;
    if (lanes) result["lanes"] = lanes.map((row) => ({ ...row, lane: textOf(row.lane) }));
    return result;
  };
  return { flow: flow.map(nodeOf), used, missing };
}

/** A Korean example: the name of its file is what the import menu shows. */
export interface KoreanExample {
  readonly name: string;
  readonly flow: readonly FlowNode[];
}

/** The Korean examples, and what is wrong with the table. */
export function koreanExamples(words: FlowWords = flowWords()): { examples: KoreanExample[]; problems: string[] } {
  const problems = new Set<string>();
  const used = new Set<string>();
  const translate = (flow: readonly FlowNode[], what: string): FlowNode[] => {
    const done = inKorean(flow, words);
    for (const text of done.used) used.add(text);
    for (const text of done.missing) problems.add(`flows/ko.json: ${what} has no Korean for "${text}"`);
    return done.flow;
  };
  for (const file of namesIn(path.join(ROOT, "flows")).filter((name) => name !== path.basename(TABLE))) {
    const flow = readFlow(path.join(ROOT, "flows", file));
    translate(flow, file);
    translate(withoutKafka(flow), file);
  }
  const examples = namesIn(path.join(ROOT, "examples")).map((file) => {
    const flow = translate(readFlow(path.join(ROOT, "examples", file)), file);
    const name = String(flow.find(({ type }) => type === "tab")?.["label"] ?? "");
    if (name === "" || /[/\\:*?"<>|#%]/u.test(name)) problems.add(`${file}: "${name}" can't be the name of a file`);
    return { name, flow };
  });
  const names = examples.map(({ name }) => name);
  for (const name of names.filter((one, at) => names.indexOf(one) !== at))
    problems.add(`flows/ko.json: two examples are called "${name}"`);
  for (const entry of [...Object.keys(words.texts), ...Object.keys(words.code)])
    if (!used.has(entry)) problems.add(`flows/ko.json: no flow says "${entry}"`);
  return { examples, problems: [...problems] };
}
