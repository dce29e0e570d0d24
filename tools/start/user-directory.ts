/** Node-RED's user directory under `npm start`: the pack from this repository, and the flow as long as nobody edits it. */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { flowWords, inKorean } from "../editor/flow-words";
import { ROOT } from "../editor/nodes";
import type { Language } from "./options";
import { type FlowNode, withoutKafka } from "./without-kafka";

export interface Wanted {
  readonly folder: string;
  /** File of the flow in the repository. */
  readonly flow: string;
  /** For flows of the repository; a user's own is left as it is. */
  readonly language: Language;
  readonly kafka: boolean;
  readonly connect: boolean;
}

/** Prepares the directory; resolves with a line to show when the user's own flow was kept. */
export function prepareUserDirectory(wanted: Wanted): string | undefined {
  const { folder } = wanted;
  mkdirSync(folder, { recursive: true });
  const manifest = path.join(folder, "package.json");
  if (!existsSync(manifest)) {
    writeFileSync(manifest, JSON.stringify({ name: "citystream-start", private: true, version: "0.0.0" }));
  }
  link(ROOT, path.join(folder, "node_modules/@citystream/node-red-citystream"));
  const dashboard = "node_modules/@flowfuse/node-red-dashboard";
  if (existsSync(path.join(ROOT, dashboard))) link(path.join(ROOT, dashboard), path.join(folder, dashboard));
  return placeFlow(wanted);
}

function link(target: string, at: string): void {
  mkdirSync(path.dirname(at), { recursive: true });
  // something that a user installed there is left alone
  if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() === false) return;
  rmSync(at, { force: true });
  symlinkSync(target, at, "junction");
}

/** Which flow was placed, and what it was then. */
interface Placed {
  readonly source: string;
  readonly written: string;
}

function placeFlow({ folder, flow, language, kafka, connect }: Wanted): string | undefined {
  const text = readFileSync(flow, "utf8");
  const words = language === "ko" && isOurs(flow) ? flowWords() : undefined;
  const source = digest(JSON.stringify({ text, words, kafka, connect }));
  const target = path.join(folder, "flows.json");
  const record = path.join(folder, "placed-flow.json");
  const before = read(record) as Placed | undefined;
  if (existsSync(target)) {
    if (before?.source === source) return undefined;
    if (!before || before.written !== contentOf(target)) {
      return `${path.relative(ROOT, flow)} has changed or the servers are others, but your edited ${target} is kept; remove it to get the new one`;
    }
  }
  let nodes = JSON.parse(text) as FlowNode[];
  if (!kafka) nodes = withoutKafka(nodes);
  if (!connect) nodes = nodes.map((node) => (isRegistrar(node) ? { ...node, d: true } : node));
  // last: what stands in Kafka's place has comments, too
  if (words) nodes = inKorean(nodes, words).flow;
  writeFileSync(target, `${JSON.stringify(nodes, null, 4)}\n`);
  writeFileSync(record, JSON.stringify({ source, written: contentOf(target) } satisfies Placed));
  return undefined;
}

const isOurs = (flow: string): boolean => /^(?:flows|examples)[\\/]/u.test(path.relative(ROOT, flow));

const isRegistrar = ({ type }: FlowNode): boolean => type === "citystream-connector-registrar";

/** What a flow file says, whatever the order in which the editor wrote it. */
function contentOf(file: string): string {
  const nodes = read(file) as FlowNode[] | undefined;
  if (!Array.isArray(nodes)) return "unreadable";
  const sorted = nodes.map((node) => JSON.stringify(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();
  return digest(sorted.join("\n"));
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
