/**
 * Scores under kill -9: kafka-in → forecast-monitor → kafka-out. Killed in mid-flow, each record must say what it does in a
 * run that nobody disturbs: no score lost, none counted twice, the same drift told.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, type FlowNode } from "../harness";
import {
  clusterFor,
  clusterNode,
  kafkaIn,
  kafkaOut,
  newTopic,
  record,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { little, sawn } from "../transform/monitor";
import { runKilled } from "./lab/killed-flow";

const RECORDS = 4000;
const KILLS = 3;
const KEYS = 5;

/** Hours of five series, wrong for a time so that a drift is told and is over. */
function forecastOf(id: number): unknown {
  const hour = Math.floor(id / KEYS);
  const off = hour > 300 && hour < 400 ? 12 : little(hour);
  return { id, forecast: sawn(hour, off, { key: `k${id % KEYS}` })["forecast"] };
}

interface Told {
  readonly id: number;
  readonly outcome?: unknown;
  readonly drift?: unknown;
}

describe("forecast scores under kill -9", () => {
  let cluster: Cluster;
  let folder: string;
  let input: string;

  before(async function services() {
    cluster = await clusterFor(this);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-monitor-"));
    input = await newTopic(cluster.kafka, 1);
    await write(
      cluster.kafka,
      Array.from({ length: RECORDS }, (_, id) => record(input, forecastOf(id), {})),
    );
  });
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const step = (id: string, func: string, wires: string[]): FlowNode => ({
    id,
    type: "function",
    outputs: 1,
    func,
    wires: [wires],
  });
  const flow = (output: string, group: string, settings: Record<string, unknown>): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(input, group, { commitInterval: 200, spanRecords: 500, wires: [["forecast"]] }),
      step("forecast", "msg.forecast = msg.payload.forecast; return msg;", ["monitor"]),
      {
        id: "monitor",
        type: "citystream-forecast-monitor",
        window: 120,
        least: 60,
        band: 0,
        ...settings,
        wires: [["scored"], ["told"]],
      },
      step("scored", "msg.payload = { id: msg.payload.id, outcome: msg.outcome }; return msg;", ["slow"]),
      step("told", "msg.payload = { id: -msg.source.offset, drift: msg.payload }; return msg;", ["slow"]),
      { id: "slow", type: "delay", pauseType: "delay", timeout: "20", timeoutUnits: "milliseconds", wires: [["out"]] },
      kafkaOut(output, { wires: [[]] }),
    );

  const run = (kills: number, settings: Record<string, unknown>): Promise<Told[]> =>
    runKilled(
      { cluster, folder, input, records: RECORDS, flow: (output, group) => flow(output, group, settings) },
      kills,
    );

  it("are the same for every record, however often it is killed and the record comes again", async function killed() {
    this.timeout(300_000);
    const expected = new Map((await run(0, { stateKept: "memory" })).map((one) => [one.id, JSON.stringify(one)]));
    const all = await run(KILLS, { checkpointEvery: 0.1, keysInMemory: 3 });
    const found = new Set(all.map(({ id }) => id));
    const missing = [...expected.keys()].filter((id) => !found.has(id));
    const different = all.filter((one) => JSON.stringify(one) !== expected.get(one.id));
    const drifts = [...expected.values()].filter((one) => one.includes('"drift":{'));
    console.log(
      `      ${RECORDS} records, ${drifts.length} messages of drift: ${missing.length} missing, ${all.length - expected.size} came again, ${different.length} told differently`,
    );
    assert.equal(expected.size, RECORDS + drifts.length);
    assert.equal(drifts.length, 2, "a drift, and its end");
    assert.deepEqual(missing, []);
    assert.deepEqual(different.slice(0, 2), []);
  });
});
