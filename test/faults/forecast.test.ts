/**
 * Forecasts under kill -9: kafka-in → lstm-predictor → kafka-out. A forecast depends on the readings before of its series. Killed
 * in mid-flow, each record must get the very forecast of a run that nobody disturbs: none lost to a window that is gone, none
 * late because its series has gone on without it.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Forecast } from "../../nodes/lib/forecast/forecast";
import { writeModel } from "../../nodes/lib/forecast/model-file";
import { flowOf, type FlowNode } from "../harness";
import { testModel } from "../lib/forecast/models";
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
import { runKilled } from "./lab/killed-flow";

const RECORDS = 6000;
const KILLS = 3;
const KEYS = 25;
const HOUR = 3_600_000;

/** Hours of several series: now and then two in the wrong order, a second one of an hour, a missing value, a hole. */
function readingOf(id: number): object {
  const n = Math.floor(id / KEYS);
  const off = n % 17 === 5 ? 1 : n % 17 === 6 ? -1 : n % 29 === 11 ? -1 : 0;
  const hour = n + off + 6 * Math.floor(n / 100);
  const [a, b] = [Math.sin(n / 3 + id), n % 23 === 9 ? null : Math.cos(n / 5)];
  return { id, key: `k${id % KEYS}`, time: hour * HOUR, a, b };
}

interface Told {
  readonly id: number;
  readonly forecast: Omit<Forecast, "latency">;
}

describe("forecasts under kill -9", () => {
  let cluster: Cluster;
  let folder: string;
  let model: string;
  let input: string;
  let expected: Map<number, string>;

  before(async function services() {
    cluster = await clusterFor(this);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-forecast-"));
    model = path.join(folder, "model");
    await writeModel(model, testModel(1));
    input = await newTopic(cluster.kafka, 1);
    await write(
      cluster.kafka,
      Array.from({ length: RECORDS }, (_, id) => record(input, readingOf(id), {})),
    );
    expected = new Map((await run(0, { stateKept: "memory" })).map((one) => [one.id, JSON.stringify(one)]));
  });
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const step = (id: string, one: string, wires: string[]): FlowNode => ({
    id,
    type: "function",
    outputs: 1,
    func: `
      const made = ${one};
      msg.payload = Array.isArray(msg.payload) ? msg.payload.map(made) : Object.assign(msg, made(msg)).payload;
      return msg;`,
    wires: [wires],
  });
  const flow = (output: string, group: string, { mode, ...settings }: Record<string, unknown>): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      kafkaIn(input, group, { commitInterval: 200, spanRecords: 500, mode, batchRecords: 50, wires: [["time"]] }),
      step("time", "(one) => ({ ...one, timestamp: one.payload.time })", ["predict"]),
      {
        id: "predict",
        type: "citystream-lstm-predictor",
        model,
        key: "payload.key",
        ...settings,
        wires: [["told"], ["told"]],
      },
      step("told", "({ payload, forecast: { latency, ...forecast } }) => ({ payload: { id: payload.id, forecast } })", [
        "slow",
      ]),
      { id: "slow", type: "delay", pauseType: "delay", timeout: "20", timeoutUnits: "milliseconds", wires: [["out"]] },
      kafkaOut(output, { wires: [[]] }),
    );

  const run = (kills: number, settings: Record<string, unknown>): Promise<Told[]> =>
    runKilled(
      { cluster, folder, input, records: RECORDS, flow: (output, group) => flow(output, group, settings) },
      kills,
    );

  for (const mode of ["record", "batch"])
    it(`are those of an undisturbed run, however often they are killed and records come again (${mode} mode)`, async function killed() {
      this.timeout(300_000);
      const all = await run(KILLS, { mode, stateKept: "disk", checkpointEvery: 0.1, keysInMemory: 3 });
      const found = new Set(all.map(({ id }) => id));
      const missing = [...expected.keys()].filter((id) => !found.has(id));
      const different = all.filter((one) => JSON.stringify(one) !== expected.get(one.id));
      const lost = different.filter(
        ({ id, forecast }) => !forecast.ready && expected.get(id)?.includes('"ready":true'),
      );
      const readyOnes = [...expected.values()].filter((one) => one.includes('"ready":true'));
      const late = [...expected.values()].filter((one) => one.includes('"reason":"late"'));
      console.log(
        `      ${RECORDS} records, ${readyOnes.length} with a forecast, ${late.length} late: ${missing.length} missing, ${all.length - RECORDS} came again, ${different.length} told differently, ${lost.length} without the forecast that they had`,
      );
      assert.equal(expected.size, RECORDS);
      assert.ok(
        readyOnes.length > RECORDS * 0.7 && late.length > RECORDS / 50,
        "there are forecasts, and late records",
      );
      assert.deepEqual(missing, []);
      assert.deepEqual(different.slice(0, 2), []);
    });
});
