/** What the soak does: the laboratory's trials in their long form, with figures drawn anew each time. */
import { randomInt } from "node:crypto";
import { service } from "../../tools/services";
import { freePort } from "../../tools/services/ports";
import { backlogTrial } from "../faults/lab/backlog-trial";
import { killTrial } from "../faults/lab/kill-trial";
import type { Surroundings } from "../faults/lab/member";
import { outageTrial } from "../faults/lab/outage-trial";
import { Proxy } from "../faults/lab/proxy";
import { rebalanceTrial } from "../faults/lab/rebalance-trial";
import type { Verdict } from "../faults/lab/verdict";
import { windowsTrial } from "../faults/lab/windows-trial";
import type { Family } from "./totals";

export interface SoakCase {
  /** Disturbances after which it is enough; for `backlog`, trials. */
  readonly goal: number;
  /** Runs the `index`-th trial, from 0; `disturbed` is told of each disturbance. */
  run(around: Surroundings, disturbed: () => void, index: number): Promise<Verdict>;
}

/** A machine with other work may starve a soak that is nice to it: ms without anything committed until a trial is given up. */
const patience = 600_000;

const pick = <T>(choices: readonly T[]): T => choices[randomInt(choices.length)] as T;

export const cases: Readonly<Record<Family, SoakCase>> = {
  kill: {
    goal: 1000,
    run(around, disturbed) {
      // Together about 10,000 records a kill.
      const mode = pick(["record", "batch", "batch"] as const);
      const format = pick(["ndjson", "avro", "parquet"] as const);
      const disturbances = 5;
      const records = mode === "record" ? 3000 * disturbances : 14_000 * disturbances;
      const partitions = pick([1, 2, 4, 5]);
      return killTrial(around, {
        name: `kill ${mode} ${format}`,
        mode,
        format,
        disturbances,
        records: Math.ceil(records / partitions) * partitions,
        partitions,
        how: "kill",
        step: pick([
          { kind: "fixed", ms: 50 },
          { kind: "random", from: 1, to: 100 },
          { kind: "random", from: 1, to: 2000 },
          { kind: "rate", perSecond: 20_000 },
        ] as const),
        live: pick([undefined, undefined, 2000]),
        span: mode === "record" ? pick([50, 500, 5000]) : pick([1000, 5000]),
        batch: pick([50, 500]),
        jitter: pick([0, 100, 1000]),
        patience,
        disturbed,
      });
    },
  },
  exact: {
    goal: 200,
    run(around, disturbed) {
      const partitions = pick([1, 2, 4]);
      return killTrial(around, {
        name: "kill, exactly once",
        exactlyOnce: true,
        source: { delivery: "exactlyOnce", transactionInterval: pick([20, 100]) },
        disturbances: 5,
        records: 20_000,
        partitions,
        how: "kill",
        step: pick([
          { kind: "fixed", ms: 20 },
          { kind: "random", from: 1, to: 100 },
        ] as const),
        mode: pick(["record", "batch"]),
        span: pick([500, 5000]),
        jitter: pick([0, 100, 1000]),
        patience,
        disturbed,
      });
    },
  },
  rebalance: {
    goal: 100,
    run: (around, disturbed) =>
      rebalanceTrial(around, {
        name: "rebalances",
        changes: 18,
        members: pick([2, 3, 3]),
        mode: pick(["record", "batch"]),
        perSecond: pick([300, 600]),
        partitions: pick([3, 4, 8]),
        patience,
        disturbed,
      }),
  },
  outage: {
    // Of these 5 in 12 are kills of the broker.
    goal: 48,
    async run(around, disturbed) {
      const port = await freePort();
      const kafka = await service("kafka", { own: true, proxy: port });
      const proxy = new Proxy(port, Number(kafka.proxiedBrokers.split(":")[1]));
      try {
        return await outageTrial({ ...around, brokers: proxy.address, observed: kafka.brokers }, kafka, proxy, {
          name: "outages",
          absent: 45_000,
          perSecond: 100,
          outages: [
            { kind: "kill", ms: 0 },
            { kind: "wire", fault: { kind: "tear" }, ms: 10_000 },
            { kind: "kill", ms: randomInt(5000) },
            { kind: "wire", fault: { kind: "stall" }, ms: pick([2000, 15_000, 45_000]) },
            { kind: "kill", ms: randomInt(20_000) },
            { kind: "stop", ms: 60_000 },
            { kind: "wire", fault: { kind: "halve" }, ms: 10_000 },
            { kind: "kill", ms: 0 },
            { kind: "wire", fault: { kind: "delay", ms: pick([100, 1000]) }, ms: 10_000 },
            { kind: "wire", fault: { kind: "reset" }, ms: 15_000 },
            { kind: "kill", ms: 2000 },
          ],
          patience,
          disturbed,
        });
      } finally {
        await proxy.close();
        await kafka.stop();
      }
    },
  },
  windows: {
    // Each of the two that may keep the records, in turn.
    goal: 200,
    run: (around, disturbed, index) =>
      windowsTrial(around, {
        name: index % 2 === 0 ? "windows, records by their source" : "windows, records on disk",
        kept: index % 2 === 0 ? "source" : "disk",
        records: 6000,
        kills: 5,
        size: 10_000,
        hop: pick([10_000, 5000, 2500]),
        mode: pick(["batch", "batch", "record"]),
        perSecond: pick([60, 300]),
        partitions: pick([1, 2, 4]),
        disorder: pick([0, 1000, 5000]),
        jitter: pick([0, 100, 1000]),
        patience,
        disturbed,
      }),
  },
  lake: {
    // A million records and as many kills of each format, in turn, Kafka → HDFS.
    goal: 3000,
    run(around, disturbed, index) {
      const formats = ["ndjson", "avro", "parquet"] as const;
      const format = formats[index % formats.length] ?? "ndjson";
      return killTrial(around, {
        name: `kill, HDFS ${format}`,
        inHdfs: true,
        format,
        mode: pick(["record", "batch", "batch"]),
        disturbances: 10,
        records: 10_000,
        partitions: pick([1, 2, 4, 5]),
        how: "kill",
        step: pick([
          { kind: "fixed", ms: 20 },
          { kind: "random", from: 1, to: 100 },
        ] as const),
        span: pick([500, 2000]),
        jitter: pick([0, 300, 2000]),
        patience,
        disturbed,
      });
    },
  },
  backlog: {
    goal: 2,
    run: (around, _disturbed, index) =>
      backlogTrial(
        { ...around, nodeArguments: index % 2 === 0 ? ["--max-old-space-size=512"] : [] },
        { name: "backlog", records: 500_000, perSecond: 100, lasting: 600_000 },
      ),
  },
};
