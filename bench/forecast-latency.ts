/**
 * How long a reading takes from Kafka to its forecast in Kafka: kafka in → change → lstm predictor (the model that comes with the
 * pack) → change → kafka out in a Node-RED of its own, beside the same flow without the predictor, in one run.
 *
 *   npm run build && node dist/bench/forecast-latency.js [--seconds 60] [--per-second 1000] [--keys 100] [--linger 5] [--node <binary>]
 *
 * Both topics bear the broker's time (LogAppendTime, whole ms), so that the latency of a record is the difference of two readings
 * of one clock: from when its reading was stored to when its forecast was. Windows are filled before it is measured. How much memory series take is seen by --keys.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { openKafka } from "../nodes/lib/kafka/kafkajs-client";
import type { OutgoingRecord } from "../nodes/lib/kafka/port";
import { startMember, stopMember } from "../test/faults/lab/member";
import { clusterNode, outOf, tabOf } from "../test/faults/lab/flow";
import { Observer, unique } from "../test/faults/lab/observer";
import type { FlowNode } from "../test/harness/runtime";
import { until } from "../test/harness/words";
import { service } from "../tools/services";
import { quantile } from "./meter";
import { needLinux, peakOf } from "./process-meter";

const STEPS = 24;
const PARTITIONS = 4;
const HOUR = 3_600_000;

interface Trial {
  readonly brokers: string;
  readonly predicts: boolean;
  readonly seconds: number;
  readonly perSecond: number;
  readonly keys: number;
  readonly linger: number;
  readonly node: string | undefined;
}

const change = (id: string, to: string, rules: readonly object[]): FlowNode => ({
  id,
  type: "change",
  rules: [...rules],
  wires: [[to]],
});

function flowFor({ brokers, predicts, linger }: Trial, input: string, output: string): FlowNode[] {
  const move = (from: string, to: string): object => ({ t: "move", p: from, pt: "msg", to, tot: "msg" });
  const copy = (from: string, to: string): object => ({ ...move(from, to), t: "set", p: to, to: from });
  return tabOf(
    [clusterNode(brokers)],
    [
      {
        id: "in",
        type: "citystream-kafka-in",
        cluster: "cluster",
        topics: input,
        group: `${input}-group`,
        wires: [["time"]],
      },
      change("time", predicts ? "model" : "out", [copy("payload.at", "timestamp")]),
      { id: "model", type: "citystream-lstm-predictor", key: "key", wires: [["answer"], []] },
      change("answer", "out", [move("forecast", "payload.forecast")]),
      { ...outOf(output), linger },
    ],
  );
}

/** A day of a station, and what follows it. */
const readingOf = (n: number, at: number): string =>
  JSON.stringify({
    n,
    at,
    ...Object.fromEntries(
      [
        ["PM2.5", 80],
        ["PM10", 120],
        ["NO2", 60],
        ["CO", 1200],
        ["TEMP", 3],
        ["PRES", 1020],
        ["DEWP", -8],
        ["RAIN", 0],
        ["WSPM", 1.5],
      ].map(([name, mean]) => [name, Number(mean) * (1 + 0.2 * Math.sin(at / HOUR / 4))]),
    ),
    wd: "NNW",
  });

async function measure(trial: Trial): Promise<{ readonly times: readonly number[]; readonly peak: number }> {
  const { brokers, seconds, perSecond, keys, predicts } = trial;
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-latency-"));
  const observer = new Observer(brokers);
  const [input, output] = [unique("readings"), unique("forecasts")];
  await observer.createTopic(input, PARTITIONS, true);
  await observer.createTopic(output, PARTITIONS, true);
  const kafka = openKafka({ brokers: [brokers], clientId: "bench" });
  const producer = kafka.producer({
    acks: "all",
    compression: "none",
    linger: 0,
    batchBytes: 256 * 1024,
    bufferBytes: 64 * 1024 * 1024,
    create: { partitions: PARTITIONS, replication: 1, config: {} },
    state: () => undefined,
  });
  const recordOf = (n: number): OutgoingRecord => {
    const key = n % keys;
    const value = Buffer.from(readingOf(n, Math.floor(n / keys) * HOUR));
    return { topic: input, partition: key % PARTITIONS, key: Buffer.from(`station-${key}`), value };
  };
  const around = { brokers, folder, ...(trial.node === undefined ? {} : { node: trial.node }) };
  const member = await startMember(around, "node-red", flowFor(trial, input, output));
  const came = async (): Promise<number> =>
    [...(await observer.ends(output)).values()].reduce((sum, end) => sum + end, 0);
  /** Without the predictor every reading comes out; with it those before the window is full do not. */
  const lacking = predicts ? (STEPS - 1) * keys : 0;
  const warm = (STEPS + 5) * keys;
  try {
    for (let n = 0; n < warm; n += 1000)
      await producer.send(Array.from({ length: Math.min(1000, warm - n) }, (_, i) => recordOf(n + i)));
    await until("the windows are full", async () => (await came()) === warm - lacking, 600_000);
    const all = warm + seconds * perSecond;
    const began = performance.now();
    let sent = warm;
    while (sent < all) {
      const due = Math.min(all, warm + Math.floor(((performance.now() - began) / 1000) * perSecond));
      for (; sent < due; sent++) void producer.send([recordOf(sent)]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
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
    return { times, peak: peakOf(member.process.pid ?? 0) };
  } finally {
    await producer.close(10_000);
    await kafka.close();
    await stopMember(member);
    await observer.remove([input, output], []);
    await observer.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      "per-second": { type: "string", default: "1000" },
      keys: { type: "string", default: "100" },
      linger: { type: "string", default: "5" },
      node: { type: "string" },
    },
  });
  needLinux();
  const kafka = await service("kafka", { own: true });
  for (const predicts of [false, true]) {
    const { times, peak } = await measure({
      brokers: kafka.brokers,
      predicts,
      seconds: Number(values.seconds),
      perSecond: Number(values["per-second"]),
      keys: Number(values.keys),
      linger: Number(values.linger),
      node: values.node,
    });
    const sorted = Float64Array.from(times).sort();
    const at = [0.5, 0.9, 0.99, 0.999].map((part) => `p${part * 100} ${quantile(sorted, part)} ms`);
    console.log(
      `${predicts ? "with" : "without"} the predictor: ${times.length} records, ${at.join(", ")}; Node-RED at most ${peak.toFixed(0)} MB`,
    );
  }
  await kafka.stop();
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
