/**
 * One Node-RED, disturbed again and again in the middle of its work: killed with -9, or redeployed. Records flow
 * kafka-in → function → delay → Kafka, core file node, lake and database; the observer reads all of them.
 */
import path from "node:path";
import type { NodeRedChild } from "../../harness/child";
import { until } from "../../harness/words";
import { commitTime, movedBack, STRAGGLERS, tooEarly } from "./commits";
import { COMMIT_RECORDS, FILE_RECORDS, flowOf, type FlowSpec, type LakeFormat, type Step } from "./flow";
import { redeploy, startMember, stopMember, type Deployment, type Surroundings } from "./member";
import { some } from "./numbers";
import { hdfsPlace, removeFromHdfs } from "./hdfs-place";
import { observing, unique, type Ends, type Observer } from "./observer";
import { filePlace, folderPlace, influxPlace } from "./places";
import { numberAt, produce, stream } from "./producer";
import { readCommitted, readTopic, type TopicPlace } from "./topic-place";
import { brief, type Verdict } from "./verdict";

export interface KillTrial {
  readonly name: string;
  readonly records: number;
  /** How many times it is killed or redeployed. */
  readonly disturbances: number;
  readonly how: "kill" | Deployment;
  readonly step: Step;
  /** Records a second while it runs; all of them before it when absent. */
  readonly live?: number | undefined;
  readonly mode?: "record" | "batch";
  /** Records a message in batch mode; 50 when absent. */
  readonly batch?: number;
  readonly partitions?: number;
  readonly span?: number;
  /** In seconds. */
  readonly sessionTimeout?: number;
  /** Further settings of kafka-in, such as its guarantee. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** Into Kafka alone, and nothing may be repeated for a reader of committed transactions. */
  readonly exactlyOnce?: boolean;
  readonly code?: string;
  /** Of the lake's files; NDJSON when absent. */
  readonly format?: LakeFormat;
  /** The lake is the surroundings' HDFS instead of a folder. */
  readonly inHdfs?: boolean;
  /** ms to wait once the goal of a kill is reached: 0 … 1 times this. */
  readonly jitter?: number;
  /** Longest time without anything committed, in ms. */
  readonly patience?: number;
  /** Told after each disturbance. */
  readonly disturbed?: (committed: number) => void;
}

/** What was there when a process was gone. */
interface Snapshot {
  readonly committed: Ends;
  /** Where the topic ended. */
  readonly arrived: Ends;
  /** Where it ended when the next process was up: a broker stores what it had received, a while after a kill. */
  later: Ends;
}

export const killTrial = (around: Surroundings, trial: KillTrial): Promise<Verdict> =>
  observing(around.observed ?? around.brokers, (observer) => judge(observer, around, trial));

async function judge(observer: Observer, around: Surroundings, trial: KillTrial): Promise<Verdict> {
  const { records, disturbances, how, mode = "record", partitions = 2, span = 500, patience = 180_000 } = trial;
  const began = Date.now();
  const seed = unique(trial.name.replaceAll(/[^a-z0-9]+/giu, "-"));
  const [topic, output, group] = [`${seed}-in`, `${seed}-out`, `${seed}-group`];
  const input = { topic, seed, partitions };
  await observer.createTopic(topic, partitions);
  await observer.createTopic(output, partitions, true);
  const history = await observer.commitsEnd();
  const { exactlyOnce = false, batch = 50 } = trial;
  const file = exactlyOnce ? undefined : path.join(around.folder, "records.txt");
  const lake = exactlyOnce ? undefined : lakeOf(around, trial, seed);
  const influx = around.influx && !exactlyOnce ? influxPlace(seed, around.influx, seed) : undefined;
  const inFile = file === undefined ? undefined : filePlace(seed, file);
  const places = [...(inFile ? [inFile] : []), ...(lake ? [lake.place] : [])];
  const spec: FlowSpec = {
    ...around,
    ...trial,
    mode,
    span,
    sessionTimeout: trial.sessionTimeout ?? 6,
    input: topic,
    output,
    group,
    file,
    lake: lake?.node,
    influx: around.influx && influx && { ...around.influx, measurement: seed },
  };
  const faults: string[] = [];
  const snapshots: Snapshot[] = [];
  /** By number, the kill at which a record was first found in the file. */
  const written: number[] = [];
  const committed = (): Promise<number> => observer.committedSum(group, topic);
  const reach = async (goal: number): Promise<void> => {
    for (;;) {
      const from = await committed();
      if (from >= goal) return;
      await until(
        `more than ${from} of ${goal} records of ${seed} committed`,
        async () => {
          live?.check();
          return (await committed()) > from;
        },
        patience,
        async () => `${JSON.stringify(trial)}, ${live?.sent ?? records} sent, ${await child?.state()}`,
      );
    }
  };
  const snapshot = async (): Promise<Snapshot> => {
    const taken = { committed: await observer.committed(group, topic), arrived: await observer.ends(output) };
    for (const place of places) {
      await place.look();
      const early: number[] = [];
      for (const [partition, offset] of taken.committed)
        for (let at = 0; at < offset; at++) {
          const n = numberAt(input, partition, at);
          if (!place.tally.has(n)) early.push(n);
        }
      if (early.length > 0)
        faults.push(`${early.length} committed records are not in the ${place.name}: ${some(early)}`);
    }
    for (let n = 0; n < records; n++)
      if (written[n] === undefined && inFile?.tally.has(n)) written[n] = snapshots.length;
    return { ...taken, later: taken.arrived };
  };

  let child: NodeRedChild | undefined;
  const live = trial.live === undefined ? undefined : stream(observer, input, trial.live, records);
  try {
    if (!live) await produce(observer, input, 0, records);
    child = await startMember(around, "node-red", flowOf(spec));
    for (let done = 1; done <= disturbances; done++) {
      await reach(Math.floor((records * done) / (disturbances + 1)));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * (trial.jitter ?? 0)));
      if (how === "kill") {
        await child.kill9();
        const seen = await snapshot();
        snapshots.push(seen);
        inFile?.writerKilled();
        child = await startMember(around, "node-red", flowOf(spec));
        seen.later = await observer.ends(output);
      } else await redeploy(child, flowOf({ ...spec, version: done }), how);
      trial.disturbed?.(await committed());
    }
    await live?.done;
    await reach(records);
    await stopMember(child);
    child = undefined;
  } finally {
    await live?.stop().catch(() => undefined);
    await child?.kill9();
  }

  const kafka = exactlyOnce
    ? await readCommitted(observer, seed, output, records)
    : await readTopic(observer, seed, output);
  const commits = exactlyOnce
    ? await observer.transactionCommits(group, topic)
    : await observer.commits(group, topic, history);
  for (const place of [...places, ...(influx ? [influx] : [])]) await place.look();
  const all = {
    kafka: kafka.tally,
    ...Object.fromEntries([...places, ...(influx ? [influx] : [])].map(({ name, tally }) => [name, tally])),
  };
  for (const [name, tally] of Object.entries(all)) faults.push(...tally.faults(name, records));
  faults.push(...brief(movedBack(commits)));
  faults.push(...brief(tooEarly(commits, (partition, at) => kafka.firstArrival(numberAt(input, partition, at)))));
  const { unfinished, unexplained } = judgeKills(
    snapshots,
    kafka,
    partitions,
    span,
    (n, kill) => (written[n] ?? Infinity) <= kill,
  );
  // Of what came again without a kill: a process that got no time to answer Kafka had lost its partitions.
  const late = new Set(kafka.againAfter(commitTime(commits, partitions), STRAGGLERS));
  const wrong = unexplained.filter((n) => late.has(n));
  if (wrong.length > 0)
    faults.push(`${wrong.length} records came again long after they were committed: ${some(wrong)}`);
  if (inFile && unfinished > span + batch)
    faults.push(`${unfinished} records of a partition were under way, more than ${span}`);
  const { repeated } = kafka.tally.counts(records);
  if (exactlyOnce && repeated > 0) faults.push(`kafka: ${repeated} repeated`);
  const stored = places.find(({ name }) => name === "lake")?.tally.counts(records);
  if (trial.format && stored && stored.repeated > 0) faults.push(`lake: ${stored.repeated} repeated`);
  // A deploy brings again what was under way, and what had not been committed.
  const bound = disturbances * partitions * (span + COMMIT_RECORDS + 2 * FILE_RECORDS + batch);
  if (how !== "kill" && repeated > bound) faults.push(`kafka: ${repeated} repeated, more than ${bound}`);
  await influx?.drop().catch(() => undefined);
  await lake?.remove().catch(() => undefined);
  await observer.remove([topic, output], [group]);
  return {
    name: trial.name,
    disturbances,
    sent: records,
    places: Object.fromEntries(Object.entries(all).map(([name, tally]) => [name, tally.counts(records)])),
    commits: commits.length,
    seconds: (Date.now() - began) / 1000,
    faults,
    figures: { unfinished, againWithoutKill: unexplained.length, torn: inFile?.torn ?? 0 },
  };
}

/** Where the lake is, and how it is read. */
function lakeOf({ folder, hdfs }: Surroundings, { inHdfs, format, name }: KillTrial, seed: string) {
  if (inHdfs !== true) {
    const here = path.join(folder, "lake");
    const place = folderPlace(seed, path.join(here, "records"), format);
    return { node: { address: `file://${here}` }, place, remove: () => Promise.resolve() };
  }
  if (!hdfs) throw new Error(`${name}: no HDFS is there`);
  const root = `/${seed}`;
  const place = hdfsPlace(seed, hdfs, `${root}/records`, path.join(folder, "fetched"), format);
  return { node: { address: `${hdfs.url}${root}`, user: hdfs.user }, place, remove: () => removeFromHdfs(hdfs, root) };
}

/**
 * At each kill: how many records of a partition were under way (not yet in the file, and before the newest in Kafka), and
 * which records came again although they were committed when the process that brought them ended.
 */
function judgeKills(
  snapshots: readonly Snapshot[],
  kafka: TopicPlace,
  partitions: number,
  span: number,
  inFile: (n: number, kill: number) => boolean,
): { unfinished: number; unexplained: number[] } {
  let unfinished = 0;
  /** How many times each record may come, by number. */
  const allowed = new Map<number, number>();
  for (const [kill, { committed, arrived, later }] of snapshots.entries()) {
    const [newest, last] = [arrived, later].map((ends) => newestOffsets(kafka.before(ends), partitions));
    for (let partition = 0; partition < partitions; partition++) {
      let missing = 0;
      for (let offset = newest?.get(partition) ?? -1; offset >= 0; offset--)
        if (!inFile(offset * partitions + partition, kill)) missing++;
      unfinished = Math.max(unfinished, missing);
      const from = committed.get(partition) ?? 0;
      for (let offset = from; offset <= (last?.get(partition) ?? -1) + span; offset++) {
        const n = offset * partitions + partition;
        allowed.set(n, (allowed.get(n) ?? 1) + 1);
      }
    }
  }
  const unexplained: number[] = [];
  for (const n of kafka.before(new Map(Array.from({ length: partitions }, (_, partition) => [partition, Infinity]))))
    if (kafka.tally.timesOf(n) > (allowed.get(n) ?? 1)) unexplained.push(n);
  return { unfinished, unexplained: [...new Set(unexplained)] };
}

function newestOffsets(numbers: Iterable<number>, partitions: number): Map<number, number> {
  const newest = new Map<number, number>();
  for (const n of numbers) {
    const partition = n % partitions;
    newest.set(partition, Math.max(newest.get(partition) ?? -1, Math.floor(n / partitions)));
  }
  return newest;
}
