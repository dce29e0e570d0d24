/**
 * What the fraud rules find, with their default settings, in labelled transactions from a seed (bench/fraud-data.ts): precision
 * and recall of challenge and block together and of block alone, by transactions and by planted frauds; and how long a
 * decision takes, bare and through a flow in Node-RED, one message a transaction.
 *
 *     npm run build && node dist/bench/fraud.js [seed …]
 *     node dist/bench/fraud.js --write transactions.ndjson [seed]    the labelled transactions themselves
 *     node dist/bench/fraud.js --example                             writes examples/fraud-rules.json anew
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Node, NodeDef } from "node-red";
import { flowOf } from "../test/harness";
import { startRuntime } from "../test/harness/runtime";
import { ROOT } from "../tools/editor/nodes";
import { labelled, type Labelled } from "./fraud-data";
import { exampleFlow } from "./fraud-example";
import { score, type Found } from "./fraud-score";
import { quantile } from "./meter";

const SHAPE = { customers: 600, days: 60, episodes: 20 };
const THROUGH_A_FLOW = 20_000;

const percent = (part: number, decimals = 1): string => `${(100 * part).toFixed(decimals)} %`;
const line = (what: string, { precision, recall, episodes, falseAlarms }: Found): string =>
  `  ${what.padEnd(19)} precision ${percent(precision)}, recall ${percent(recall)} of transactions, ${percent(episodes)} of frauds; ` +
  `${percent(falseAlarms, 2)} of legitimate ones`;
const spread = (sorted: Float64Array): string =>
  `p50 ${quantile(sorted, 0.5).toFixed(1)} µs, p99 ${quantile(sorted, 0.99).toFixed(1)} µs, most ${(sorted.at(-1) ?? NaN).toFixed(0)} µs`;

function report(seed: number): void {
  const records = labelled({ ...SHAPE, seed });
  const { transactions, fraudulent, held, blocked, byKind, times, stateBytes } = score(records);
  console.log(`seed ${seed}: ${transactions} transactions of ${SHAPE.customers} customers, ${fraudulent} fraudulent`);
  console.log(line("challenge and block", held));
  console.log(line("block alone", blocked));
  console.log(
    `  recall by kind      ${Object.entries(byKind)
      .map(([kind, part]) => `${kind} ${percent(part)}`)
      .join(", ")}`,
  );
  console.log(`  a decision          ${spread(times)}`);
  console.log(`  state of a key      ${stateBytes[0].toFixed(0)} bytes of JSON, most ${stateBytes[1]}`);
}

/** From sending a message until its decision arrives behind the node. */
async function throughAFlow(records: readonly Labelled[]): Promise<Float64Array> {
  const runtime = await startRuntime();
  const internals = runtime.RED.nodes as unknown as {
    registerType(set: string, type: string, constructor: (this: Node, definition: NodeDef) => void): void;
    createNode(node: Node, definition: NodeDef): void;
  };
  let arrived: () => void = () => undefined;
  internals.registerType("bench/source", "bench-source", function source(definition) {
    internals.createNode(this, definition);
  });
  internals.registerType("bench/end", "bench-end", function end(definition) {
    internals.createNode(this, definition);
    this.on("input", (_message, _send, done) => {
      done();
      arrived();
    });
  });
  await runtime.deploy(
    flowOf(
      { id: "source", type: "bench-source", wires: [["node"]] },
      { id: "node", type: "citystream-fraud-rules", wires: [["end"], ["end"], ["end"]] },
      { id: "end", type: "bench-end" },
    ),
  );
  const source = runtime.node("source");
  const times = new Float64Array(records.length);
  for (const [index, record] of records.entries()) {
    const from = process.hrtime.bigint();
    await new Promise<void>((resolve) => {
      arrived = resolve;
      source.send({ ...record });
    });
    times[index] = Number(process.hrtime.bigint() - from) / 1000;
  }
  await runtime.stop();
  return times.sort();
}

async function main(args: readonly string[]): Promise<void> {
  const [first, file, seed] = args;
  if (first === "--example") return writeFileSync(path.join(ROOT, "examples/fraud-rules.json"), exampleFlow());
  if (first === "--write") {
    if (file === undefined) throw new Error("--write needs the name of a file");
    const lines = labelled({ ...SHAPE, seed: Number(seed ?? 1) }).map((record) => `${JSON.stringify(record)}\n`);
    return writeFileSync(file, lines.join(""));
  }
  console.log(`default settings, Node ${process.version}`);
  const seeds = args.length > 0 ? args.map(Number) : [1, 2, 3];
  for (const one of seeds) report(one);
  const records = labelled({ ...SHAPE, seed: seeds[0] ?? 1 }).slice(0, THROUGH_A_FLOW);
  console.log(`through a flow, ${records.length} messages one by one: ${spread(await throughAFlow(records))}`);
}

void main(process.argv.slice(2));
