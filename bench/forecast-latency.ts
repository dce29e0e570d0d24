/**
 * How long a reading takes from Kafka to its forecast in Kafka: kafka in → function → lstm predictor → function → kafka out in a
 * Node-RED of its own: without the predictor, with LSTM(64) → Dense(6) over 24 steps × 6 features, the network of bench/forecast.ts, and
 * with the model that comes with the pack (nine networks, twice the work), in one run. Beside them the bare client, kafkajs, that
 * copies from topic to topic: what broker and machine take whoever asks. Who writes the readings gives way to all of these.
 *
 *   npm run build && node dist/bench/forecast-latency.js [--seconds 60] [--warm 30] [--per-second 1000] [--keys 100] [--linger 5]
 *     [--mode record|batch] [--node <binary>]
 *
 * Both topics bear the broker's time (LogAppendTime, whole ms), so that the latency of a record is the difference of two readings
 * of one clock: from when its reading was stored to when its forecast was. Windows are filled, and readings come at that rate for --warm seconds, before it
 * is measured: a broker that has just begun compiles itself. How much memory series take is seen by --keys.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Architecture } from "../nodes/lib/forecast/architecture";
import { writeModel } from "../nodes/lib/forecast/model-file";
import { initialWeights } from "../nodes/lib/forecast/random";
import { startMember, stopMember } from "../test/faults/lab/member";
import { clusterNode, outOf, tabOf } from "../test/faults/lab/flow";
import { Observer, unique } from "../test/faults/lab/observer";
import type { FlowNode } from "../test/harness/runtime";
import { metadataOf } from "../test/lib/forecast/models";
import { until } from "../test/harness/words";
import { service } from "../tools/services";
import { quantile } from "./meter";
import { cpuOf, needLinux, peakOf } from "./process-meter";

const STEPS = 24;
const PARTITIONS = 4;

/** Features of the small network, which are also among those of the shipped model. */
const FEATURES = ["PM2.5", "PM10", "NO2", "CO", "TEMP", "WSPM"];

type Mode = "record" | "batch";

interface Trial {
  readonly brokers: string;
  /** Nothing but the bare client. */
  readonly bare?: boolean;
  /** Folder of the model; empty: the one that comes with the pack; absent: nothing is forecast. */
  readonly model?: string;
  readonly seconds: number;
  /** Seconds at the same rate before it is measured. */
  readonly warm: number;
  readonly perSecond: number;
  readonly keys: number;
  readonly linger: number;
  readonly mode: Mode;
  readonly node: string | undefined;
}

const lstm64: Architecture = {
  input: { name: "input", steps: STEPS, inputs: FEATURES.length },
  layers: [
    { kind: "lstm", name: "lstm", from: ["input"], units: 64, sequences: false },
    { kind: "dense", name: "out", from: ["lstm"], units: 6, activation: "linear" },
  ],
  output: "out",
};

/** LSTM(64) with weights of chance: what it answers is of no use, what it costs is the same. */
const writeLstm64 = (folder: string): Promise<void> =>
  writeModel(folder, {
    architecture: lstm64,
    weights: initialWeights(lstm64, 1),
    metadata: metadataOf(FEATURES, STEPS, {
      inputs: FEATURES.map((name) => ({ as: "value", of: [name], offset: 0, scale: 0.01 })),
      outputs: ["PM2.5", "PM10"].flatMap((target) =>
        [1, 6, 24].map((horizon) => ({ target, horizon, change: true, offset: 0, scale: 1 })),
      ),
    }),
  });

/** A function that does something to a record, as users write it: a statement about `one`, by mode. */
const each = (mode: Mode, id: string, to: string, does: string): FlowNode => ({
  id,
  type: "function",
  outputs: 1,
  func:
    mode === "batch"
      ? `msg.payload = msg.payload.map((from) => { const one = Object.assign({}, from); ${does} return one; }); return msg;`
      : `const one = msg; ${does} return msg;`,
  wires: [[to]],
});

function flowFor({ brokers, model, linger, mode }: Trial, input: string, output: string): FlowNode[] {
  return tabOf(
    [clusterNode(brokers)],
    [
      {
        id: "in",
        type: "citystream-kafka-in",
        cluster: "cluster",
        topics: input,
        group: `${input}-group`,
        mode,
        wires: [["time"]],
      },
      each(mode, "time", model === undefined ? "out" : "model", "one.timestamp = one.payload.at;"),
      { id: "model", type: "citystream-lstm-predictor", key: "key", model: model ?? "", wires: [["answer"], []] },
      each(mode, "answer", "out", "one.payload = Object.assign({}, one.payload, { forecast: one.forecast });"),
      { ...outOf(output), linger },
    ],
  );
}

/** Readings `from` to `to` are written by a process of their own; `perSecond` 0: as fast as it can. */
async function load(
  { brokers, keys }: Trial,
  input: string,
  from: number,
  to: number,
  perSecond: number,
): Promise<void> {
  const numbers = [PARTITIONS, keys, from, to, perSecond].map(String);
  const child = fork(path.join(__dirname, "forecast-latency-load.js"), [brokers, input, ...numbers]);
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`the load ended with ${String(code)}`);
}

/** What stands between the topics, in a process of its own. */
interface Between {
  readonly pid: number;
  stop(): Promise<void>;
}

async function startBetween(trial: Trial, folder: string, input: string, output: string): Promise<Between> {
  const { brokers, node } = trial;
  if (trial.bare) {
    const child = fork(path.join(__dirname, "forecast-latency-contender.js"), [brokers, input, output], {
      ...(node !== undefined && { execPath: node }),
    });
    await new Promise((resolve, reject) => child.once("message", resolve).once("exit", reject));
    return {
      pid: child.pid ?? 0,
      stop: () => new Promise((resolve) => child.once("exit", () => resolve()).disconnect()),
    };
  }
  const around = { brokers, folder, ...(node === undefined ? {} : { node }) };
  const member = await startMember(around, "node-red", flowFor(trial, input, output));
  return { pid: member.process.pid ?? 0, stop: () => stopMember(member) };
}

interface Measured {
  readonly times: readonly number[];
  /** CPU seconds a second of what stands between the topics, while readings come. */
  readonly cpu: number;
  readonly peak: number;
}

async function measure(trial: Trial): Promise<Measured> {
  const { brokers, seconds, perSecond, keys } = trial;
  const predicts = trial.model !== undefined;
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-latency-"));
  const observer = new Observer(brokers);
  const [input, output] = [unique("readings"), unique("forecasts")];
  await observer.createTopic(input, PARTITIONS, true);
  await observer.createTopic(output, PARTITIONS, true);
  const between = await startBetween(trial, folder, input, output);
  const came = async (): Promise<number> =>
    [...(await observer.ends(output)).values()].reduce((sum, end) => sum + end, 0);
  /** Without the predictor every reading comes out; with it those before the window is full do not. */
  const lacking = predicts ? (STEPS - 1) * keys : 0;
  const filling = (STEPS + 5) * keys;
  const warm = filling + trial.warm * perSecond;
  try {
    await load(trial, input, 0, filling, 0);
    await until("the windows are full", async () => (await came()) === filling - lacking, 600_000);
    const all = warm + seconds * perSecond;
    const began = performance.now();
    const before = cpuOf(between.pid);
    await load(trial, input, filling, all, perSecond);
    const cpu = ((cpuOf(between.pid) - before) / (performance.now() - began)) * 1000;
    await until("everything has come", async () => (await came()) === all - lacking, 60_000);
    const stored = new Map<number, number>();
    const times: number[] = [];
    const numberOf = (value: string | null): number => Number(/"n":(\d+)/u.exec(value ?? "")?.[1]);
    await observer.read(input, ({ value, time }) => stored.set(numberOf(value), time));
    await observer.read(output, ({ value, time }) => {
      const n = numberOf(value);
      if (n >= warm) times.push(time - (stored.get(n) ?? Number.NaN));
      if (predicts && !/"ready":true/u.test(value ?? "")) throw new Error(`no forecast: ${value}`);
    });
    return { times, cpu, peak: peakOf(between.pid) };
  } finally {
    await between.stop();
    await observer.remove([input, output], []);
    await observer.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      warm: { type: "string", default: "30" },
      "per-second": { type: "string", default: "1000" },
      keys: { type: "string", default: "100" },
      linger: { type: "string", default: "5" },
      mode: { type: "string", default: "record" },
      node: { type: "string" },
    },
  });
  needLinux();
  const kafka = await service("kafka", { own: true });
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-lstm64-"));
  await writeLstm64(folder);
  for (const [name, model] of [
    ["the bare client", undefined],
    ["without the predictor", undefined],
    ["LSTM(64)", folder],
    ["the pack's model", ""],
  ] as const) {
    const { times, cpu, peak } = await measure({
      brokers: kafka.brokers,
      bare: name === "the bare client",
      ...(model === undefined ? {} : { model }),
      seconds: Number(values.seconds),
      warm: Number(values.warm),
      perSecond: Number(values["per-second"]),
      keys: Number(values.keys),
      linger: Number(values.linger),
      mode: values.mode === "batch" ? "batch" : "record",
      node: values.node,
    });
    const sorted = Float64Array.from(times).sort();
    const at = [0.5, 0.9, 0.99, 0.999].map((part) => `p${part * 100} ${quantile(sorted, part)} ms`);
    console.log(
      `${name}: ${times.length} records, ${at.join(", ")}; ${cpu.toFixed(2)} of a CPU, at most ${peak.toFixed(0)} MB`,
    );
  }
  rmSync(folder, { recursive: true });
  await kafka.stop();
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
