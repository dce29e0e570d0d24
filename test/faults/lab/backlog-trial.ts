/** A mountain of records behind a slow step: memory must stay flat and the event loop free. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { until } from "../../harness/words";
import { movedBack, tooEarly } from "./commits";
import { flowOf } from "./flow";
import type { Reading } from "./gauge";
import { startMember, stopMember, type Surroundings } from "./member";
import { observing, unique, type Observer } from "./observer";
import { numberAt, produce } from "./producer";
import { readTopic } from "./topic-place";
import { brief, type Verdict } from "./verdict";

export interface BacklogTrial {
  readonly name: string;
  /** Records that wait. */
  readonly records: number;
  /** How long the step works on them, in ms. */
  readonly lasting: number;
  readonly perSecond: number;
  /** Of a record's value. */
  readonly bytes?: number;
  readonly partitions?: number;
  /** kafka-in's own default when absent. */
  readonly span?: number;
  /** Highest resident memory in MB. */
  readonly mostMemory?: number;
  /** Highest 99th percentile of the event loop's delay over the whole trial, in ms. */
  readonly mostDelay?: number;
  /** The same, of what the process itself was working on. */
  readonly mostOwnDelay?: number;
  readonly patience?: number;
}

/** A Node-RED that starts up, reads ahead or ends is not judged: from the first record on this long, in ms. */
const WARM_UP = 10_000;

export const backlogTrial = (around: Surroundings, trial: BacklogTrial): Promise<Verdict> =>
  observing(around.observed ?? around.brokers, (observer) => judge(observer, around, trial));

const percentile = (numbers: readonly number[], part: number): number =>
  [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))] ?? 0;

async function judge(observer: Observer, around: Surroundings, trial: BacklogTrial): Promise<Verdict> {
  const { records, lasting, perSecond, partitions = 2, span = 5000, patience = 120_000 } = trial;
  const began = Date.now();
  const seed = unique(trial.name.replaceAll(/[^a-z0-9]+/giu, "-"));
  const [topic, output, group] = [`${seed}-in`, `${seed}-out`, `${seed}-group`];
  const input = { topic, seed, partitions, bytes: trial.bytes ?? 200 };
  await observer.createTopic(topic, partitions);
  await observer.createTopic(output, partitions, true);
  const history = await observer.commitsEnd();
  await produce(observer, input, 0, records);
  const gauge = path.join(around.folder, "gauge.ndjson");
  const flow = flowOf({
    brokers: around.brokers,
    cluster: around.cluster,
    input: topic,
    output,
    group,
    step: { kind: "rate", perSecond },
    mode: "record",
    span,
    sessionTimeout: 10,
  });
  const nodeArguments = [...(around.nodeArguments ?? []), "-r", path.join(__dirname, "gauge.js")];
  const started = Date.now();
  let [settled, ending] = [0, 0];
  const member = await startMember(
    { ...around, nodeArguments, env: { ...around.env, CITYSTREAM_GAUGE: gauge } },
    "node-red",
    flow,
  );
  let arrived = 0;
  try {
    const sum = async () => [...(await observer.ends(output)).values()].reduce((all, end) => all + end, 0);
    await until(`the first records of ${seed}`, async () => (await sum()) > 0, patience);
    settled = Date.now() - started + WARM_UP;
    await wait(lasting);
    ending = Date.now() - started;
    arrived = await sum();
  } finally {
    await stopMember(member);
  }

  const kafka = await readTopic(observer, seed, output);
  const commits = await observer.commits(group, topic, history);
  const done = [...(await observer.committed(group, topic)).values()].reduce((all, end) => all + end, 0);
  const faults: string[] = [...brief(movedBack(commits))];
  faults.push(...brief(tooEarly(commits, (partition, at) => kafka.firstArrival(numberAt(input, partition, at)))));
  const counts = kafka.tally.counts(records);
  if (counts.invented + counts.damaged + counts.repeated > 0) faults.push(`kafka: ${JSON.stringify(counts)}`);
  // A rate step can't be faster, and a machine that others use may be much slower.
  if (arrived === 0) faults.push(`only ${arrived} came in ${lasting / 1000} s`);

  const all: Reading[] = existsSync(gauge)
    ? readFileSync(gauge, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Reading)
    : [];
  const readings = all.filter(({ at }) => at > settled && at < ending);
  if (readings.length < lasting / 4000) faults.push(`only ${readings.length} readings of memory and event loop`);
  const memory = readings.map(({ rss }) => rss);
  const quarter = Math.max(1, Math.floor(readings.length / 4));
  const turns = readings.reduce((count, reading) => count + reading.turns, 0);
  /** Of all turns: those that aren't listed were at most 1 ms late. */
  const late = (delays: readonly number[], part: number): number =>
    [...delays].sort((a, b) => b - a)[Math.floor(turns * (1 - part))] ?? 1;
  const delays = readings.flatMap((reading) => reading.late);
  const own = readings.flatMap((reading) => reading.own);
  const figures = {
    arrived,
    committed: done,
    mostMemory: Math.round(Math.max(0, ...memory)),
    firstQuarter: Math.round(percentile(memory.slice(0, quarter), 0.5)),
    lastQuarter: Math.round(percentile(memory.slice(-quarter), 0.5)),
    p50: late(delays, 0.5),
    p99: late(delays, 0.99),
    longest: delays.reduce((most, delay) => Math.max(most, delay), 0),
    ownP99: late(own, 0.99),
    ownLongest: own.reduce((most, delay) => Math.max(most, delay), 0),
  };
  const { mostMemory = 200, mostDelay = 50, mostOwnDelay = 50 } = trial;
  if (figures.mostMemory > mostMemory) faults.push(`${figures.mostMemory} MB of memory, more than ${mostMemory}`);
  if (figures.lastQuarter > figures.firstQuarter * 1.15 + 5)
    faults.push(`memory grew from ${figures.firstQuarter} to ${figures.lastQuarter} MB`);
  if (figures.p99 > mostDelay) faults.push(`the event loop was ${figures.p99} ms late at p99, more than ${mostDelay}`);
  if (figures.ownP99 > mostOwnDelay)
    faults.push(`of that ${figures.ownP99} ms at p99 were the process's own, more than ${mostOwnDelay}`);
  await observer.remove([topic, output], [group]);
  return {
    name: trial.name,
    disturbances: 0,
    sent: records,
    places: { kafka: { ...counts, sent: arrived, missing: 0 } },
    commits: commits.length,
    seconds: (Date.now() - began) / 1000,
    faults,
    figures,
  };
}
