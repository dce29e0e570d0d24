/**
 * Random flows of core nodes with fan-out, joins, delays, failures, time-outs of nothing and redeploys, against the test
 * sources. CITYSTREAM_RANDOM_FLOWS says how many (default 500; thousands run in several processes), CITYSTREAM_SEED where
 * to begin; with CITYSTREAM_STALLS the event loop stands still now and then, for up to 40 ms.
 */
import assert from "node:assert/strict";
import type { Message } from "../../nodes/lib/delivery/contract";
import { until, type DeploymentType, type FlowNode, type Harness } from "../harness";
import { flowOf } from "./flow";
import { laboratory, runtimeWithTestNodes, type SourceRecord } from "./nodes";
import { random, randomFlow, TOPICS } from "./random-flow";
import { runSlices, SLICE } from "./random-slices";

const FLOWS = Number(process.env["CITYSTREAM_RANDOM_FLOWS"] ?? 500);
const FIRST = Number(process.env["CITYSTREAM_SEED"] ?? 1);
/** How long a flow may take, in ms: a wrong ledger takes all of it. */
const PATIENCE = Number(process.env["CITYSTREAM_PATIENCE"] ?? 120_000);
/** Of each source. */
const RECORDS = 15;
/** Times that something fails in a flow, at most. */
const FAILURES = 150;

/** What a message carries: `record:try` for every record in it. */
const marksOf = (payload: unknown): string[] =>
  Array.isArray(payload) ? payload.flatMap(marksOf) : typeof payload === "string" ? [payload] : [];

describe("random flows under the delivery ledger", function () {
  this.timeout(1_200_000);
  let runtime: Harness;
  before(async () => {
    runtime = await runtimeWithTestNodes();
    // Node-RED writes flows to disk before it stops them: by then a slow disk leaves nothing under way that a deploy could lose.
    Object.defineProperty(runtime.RED.settings, "readOnly", { value: true, configurable: true });
  });
  after(() => Reflect.deleteProperty(runtime.RED.settings, "readOnly"));
  if (process.env["CITYSTREAM_STALLS"] !== undefined) {
    const stalls = setInterval(() => {
      const end = performance.now() + (Math.random() < 0.15 ? 5 + Math.random() * 35 : 0);
      while (performance.now() < end);
    }, 4);
    after(() => clearInterval(stalls));
  }
  after(() => runtime.deploy([]));

  const run = async (seed: number): Promise<void> => {
    const pick = random(seed * 7919);
    const flow = randomFlow(seed);
    laboratory.reset();
    laboratory.options = { retry: { attempts: 100_000, initialDelay: 1, maxDelay: 4 }, timeout: 30_000 };
    const failing = [0.01, 0.05, 0.25][Math.floor(pick() * 3)] ?? 0;
    let failures = 0;
    // Where a record passes a dozen nodes that fail each fourth time, hardly any try succeeds: at some time it is enough.
    laboratory.flaky = () => failures < FAILURES && pick() < failing && ++failures > 0;
    /** By sink: what it has finished. */
    const finished = new Map<string, Set<string>>();
    const problems: string[] = [];
    const topicOf = (record: number): string => TOPICS[record % TOPICS.length] as string;
    const records = Array.from({ length: RECORDS * flow.sources.size }, (_, record) => record);
    const startOf = [...flow.sources.keys()];
    const idOf = (record: number): string => startOf[record % startOf.length] as string;
    const sourceOf = (record: number): SourceRecord => laboratory.source(idOf(record));
    const acknowledged = new Map<number, string>();
    laboratory.sink = (id, message: Message, done) => {
      const marks = marksOf(message.payload);
      for (const mark of marks) {
        const record = Number(mark.split(":")[0]);
        if (acknowledged.get(record) === mark) problems.push(`${mark} came to ${id} after it was acknowledged`);
      }
      const finish = (): void => {
        const set = finished.get(id) ?? new Set();
        finished.set(id, set);
        for (const mark of marks) set.add(mark);
        done();
      };
      if (pick() < 0.5) finish();
      else setTimeout(finish, pick() * 5);
    };
    laboratory.onFinished = (record, verdict) => {
      if (verdict !== "delivered") return;
      const mark = `${record}:${sourceOf(record).tries.get(record) ?? 0}`;
      acknowledged.set(record, mark);
      for (const id of flow.sinks(record, topicOf(record), flow.sources.get(idOf(record)) as string))
        if (!finished.get(id)?.has(mark)) problems.push(`${mark} was acknowledged before ${id} had finished it`);
    };
    const deliver = (record: number): void => {
      const source = sourceOf(record);
      source.deliver(record, () => `${record}:${source.tries.get(record) ?? 0}`, { topic: topicOf(record) });
    };

    const changed = pick() < 0.5 ? 0.15 : 0.4;
    const variant = (round: number): FlowNode[] => {
      const chosen = new Set(flow.nodes.filter(() => pick() < changed).map(({ id }) => id));
      return flowOf(flow.nodes.map((node) => (chosen.has(node.id) ? { ...node, info: `round ${round}` } : node)));
    };
    await runtime.deploy(flowOf(flow.nodes));
    const deploys = pick() < 0.4 ? 1 + Math.floor(pick() * 2) : 0;
    // Every deploy meets records that have just been sent.
    const deliverPart = (round: number): void => {
      for (const record of records) if (Math.floor(record / startOf.length) % (deploys + 1) === round) deliver(record);
    };
    deliverPart(0);
    for (let round = 1; round <= deploys; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, pick() * 8));
      const type: DeploymentType = (["full", "flows", "nodes"] as const)[Math.floor(pick() * 3)] ?? "full";
      await runtime.deploy(variant(round), type);
      for (const record of records) {
        const { outcomes } = sourceOf(record);
        if (outcomes.get(record)?.verdict !== "abandoned") continue;
        outcomes.delete(record);
        deliver(record);
      }
      deliverPart(round);
    }
    const missing = (): number[] =>
      records.filter((record) => sourceOf(record).outcomes.get(record)?.verdict !== "delivered");
    await until("all records delivered", () => missing().length === 0, PATIENCE).catch(() => {
      problems.push(`not delivered: ${missing().join(", ")}; ${JSON.stringify(laboratory.delivery?.report())}`);
    });
    // What has finished is settled in the turns that follow; on a busy machine they may come late.
    const left = (): number => laboratory.delivery?.report().tokens ?? 0;
    await until("no token left", () => left() === 0, 2_000).catch(() => problems.push(`${left()} tokens are left`));
    assert.deepEqual(problems, [], `seed ${seed}, ${deploys} deploys: ${flow.description}`);
  };

  it(`acknowledges no record early and leaves no token in ${FLOWS} flows from seed ${FIRST} on`, async () => {
    if (FLOWS > SLICE) return runSlices(__filename, FIRST, FLOWS);
    for (let seed = FIRST; seed < FIRST + FLOWS; seed += 1) await run(seed);
  });
});
