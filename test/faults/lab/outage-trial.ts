/**
 * Kafka away: killed and started again, absent at the start, or behind a wire that stalls, resets, halves and delays.
 * Records come at a steady rate: feed → kafka-out → a topic → kafka-in → function → delay → kafka-out → another topic, and
 * a file. The first topic shows what the idempotent producer repeats, the second what at-least-once does.
 */
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { NodeRedChild } from "../../harness/child";
import { until } from "../../harness/words";
import { movedBack } from "./commits";
import { feed, feedNodes, type Feed } from "./feed";
import { COMMIT_RECORDS, flowOf, outOf } from "./flow";
import { startMember, stopMember, type Surroundings } from "./member";
import { observing, unique, type Observer } from "./observer";
import { filePlace } from "./places";
import type { Fault, Proxy } from "./proxy";
import { readTopic } from "./topic-place";
import { brief, type Verdict } from "./verdict";

export type Outage =
  /** The broker is killed with -9 and started again after `ms`. */
  | { readonly kind: "kill"; readonly ms: number }
  /** The broker is stopped as an operator would, and started again after `ms`. */
  | { readonly kind: "stop"; readonly ms: number }
  /** The wire has a fault for `ms`. */
  | { readonly kind: "wire"; readonly fault: Fault; readonly ms: number };

export interface OutageTrial {
  readonly name: string;
  readonly outages: readonly Outage[];
  /** How long nobody answers at the broker's address after the flow has started, in ms. */
  readonly absent?: number;
  readonly perSecond?: number;
  readonly partitions?: number;
  readonly span?: number;
  /** Records that must come through between two outages. */
  readonly between?: number;
  readonly patience?: number;
  readonly disturbed?: (committed: number) => void;
}

/** The broker behind the proxy, to be killed. */
export interface Broker {
  kill9(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** @param around `brokers` is the proxy's address, `observed` the broker's own */
export const outageTrial = (around: Surroundings, broker: Broker, proxy: Proxy, trial: OutageTrial): Promise<Verdict> =>
  observing(around.observed ?? around.brokers, (observer) => judge(observer, around, broker, proxy, trial));

async function judge(
  observer: Observer,
  around: Surroundings,
  broker: Broker,
  proxy: Proxy,
  trial: OutageTrial,
): Promise<Verdict> {
  const { outages, partitions = 2, span = 500, perSecond = 100, between = 200, patience = 180_000 } = trial;
  const began = Date.now();
  const seed = unique(trial.name.replaceAll(/[^a-z0-9]+/giu, "-"));
  const [topic, output, group] = [`${seed}-fed`, `${seed}-out`, `${seed}-group`];
  await observer.createTopic(topic, partitions);
  await observer.createTopic(output, partitions, true);
  const history = await observer.commitsEnd();
  const file = path.join(around.folder, "records.txt");
  const { brokers, cluster } = around;
  const step = { kind: "random", from: 1, to: 50 } as const;
  const flow = flowOf(
    { brokers, cluster, input: topic, output, group, step, mode: "record", span, sessionTimeout: 6, file },
    [...feedNodes("fed"), { ...outOf(topic), id: "fed" }],
  );
  const committed = (): Promise<number> => observer.committedSum(group, topic);
  const reach = async (goal: () => number): Promise<void> => {
    for (;;) {
      const from = await committed();
      if (from >= goal()) return;
      const saw = (): string => `${records?.sent} sent, ${proxy.connections} connections`;
      const what = `more than ${from} of ${goal()} records of ${seed} committed`;
      await until(what, async () => (await committed()) > from, patience, saw);
    }
  };

  let child: NodeRedChild | undefined;
  let records: Feed | undefined;
  try {
    await proxy.set({ kind: trial.absent === undefined ? "none" : "absent" });
    child = await startMember(around, "node-red", flow);
    records = feed(child, seed, perSecond);
    if (trial.absent !== undefined) {
      await wait(trial.absent);
      await proxy.set({ kind: "none" });
    }
    let goal = between;
    for (const outage of outages) {
      const least = goal;
      await reach(() => least);
      if (outage.kind === "wire") {
        await proxy.set(outage.fault);
        await wait(outage.ms);
        await proxy.set({ kind: "none" });
      } else {
        await (outage.kind === "kill" ? broker.kill9() : broker.stop());
        await wait(outage.ms);
        await broker.start();
      }
      const now = await committed();
      trial.disturbed?.(now);
      // What was sent meanwhile must come too, and then some.
      goal = Math.max(now, records.sent) + between;
    }
    const last = goal;
    await reach(() => last);
    await records.stop();
    await reach(() => records?.sent ?? 0);
    await stopMember(child);
    child = undefined;
  } finally {
    await records?.stop().catch(() => undefined);
    await child?.kill9();
    await proxy.set({ kind: "none" });
  }

  const { sent } = records;
  const fed = await readTopic(observer, seed, topic);
  const kafka = await readTopic(observer, seed, output);
  const inFile = filePlace(seed, file);
  await inFile.look();
  const commits = await observer.commits(group, topic, history);
  const all = { fed: fed.tally, kafka: kafka.tally, file: inFile.tally };
  const faults = Object.entries(all).flatMap(([name, tally]) => tally.faults(name, sent));
  faults.push(...brief(movedBack(commits)));
  const repeatedByProducer = fed.tally.counts(sent).repeated;
  if (repeatedByProducer > 0) faults.push(`fed: the idempotent producer repeated ${repeatedByProducer}`);
  const { repeated } = kafka.tally.counts(sent);
  const bound = (outages.length + 1) * partitions * (span + COMMIT_RECORDS);
  if (repeated > bound) faults.push(`kafka: ${repeated} repeated, more than ${bound}`);
  await observer.remove([topic, output], [group]);
  return {
    name: trial.name,
    disturbances: outages.length + (trial.absent === undefined ? 0 : 1),
    sent,
    places: Object.fromEntries(Object.entries(all).map(([name, tally]) => [name, tally.counts(sent)])),
    commits: commits.length,
    seconds: (Date.now() - began) / 1000,
    faults,
    figures: { connections: proxy.connections, bound },
  };
}
