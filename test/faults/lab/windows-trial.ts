/**
 * Windows whose process is killed in their middle: kafka-in → rate → window-batcher → kafka-out. The observer knows from
 * the numbers it produced which windows there are and what is in them, and compares the very text of each that came.
 */
import { until } from "../../harness/words";
import { clusterNode, outOf, tabOf } from "./flow";
import { startMember, type Surroundings } from "./member";
import type { Counts } from "./numbers";
import { observing, unique, type Observer } from "./observer";
import { brief, type Verdict } from "./verdict";

export interface WindowsTrial {
  readonly name: string;
  /** What keeps the records until their windows have finished. */
  readonly kept: "source" | "disk";
  readonly records: number;
  readonly kills: number;
  /** ms; shorter hops overlap. */
  readonly size: number;
  readonly hop: number;
  readonly mode?: "record" | "batch";
  readonly partitions?: number;
  readonly keys?: number;
  /** Messages a second that the step before the windows lets pass. */
  readonly perSecond?: number;
  /** Records are this far out of order, in ms of event time. */
  readonly disorder?: number;
  readonly jitter?: number;
  readonly patience?: number;
  readonly disturbed?: () => void;
}

const T0 = Date.UTC(2017, 1, 28, 15);
/** A record every 100 ms of event time. */
const timeOf = (n: number): number => T0 + n * 100;

/** What a window becomes below the node, as text: the same records must make the same bytes. */
const BRIEF = `
  const { key, start, end, count, reason, partial } = msg.window;
  const ids = msg.payload.map(({ payload }) => payload.id);
  msg.payload = { name: key + " " + start, partial: partial === true, text: JSON.stringify({ key, start, end, count, reason, ids }) };
  return msg;`;

interface Version {
  readonly name: string;
  readonly partial: boolean;
  readonly text: string;
}

export const windowsTrial = (around: Surroundings, trial: WindowsTrial): Promise<Verdict> =>
  observing(around.observed ?? around.brokers, (observer) => judge(observer, around, trial));

/** Every window with its text, from the definition. */
function windowsOf({ records, size, hop, keys = 5 }: WindowsTrial): Map<string, string> {
  const members = new Map<string, { key: string; start: number; ids: number[] }>();
  for (let n = 0; n < records; n++)
    for (let start = Math.floor(timeOf(n) / hop) * hop; start > timeOf(n) - size; start -= hop) {
      const key = `k${n % keys}`;
      const window = members.get(`${key} ${start}`) ?? { key, start, ids: [] };
      members.set(`${key} ${start}`, window);
      window.ids.push(n);
    }
  return new Map(
    [...members].map(([name, { key, start, ids }]) => [
      name,
      JSON.stringify({ key, start, end: start + size, count: ids.length, reason: "time", ids }),
    ]),
  );
}

/** Writes the records out of order by no more than the disorder, and what ends the last windows (its own never end). */
async function write(observer: Observer, topic: string, trial: WindowsTrial): Promise<void> {
  const { records, partitions = 2, keys = 5, disorder = 1000 } = trial;
  for (let partition = 0; partition < partitions; partition++) {
    const own = Array.from({ length: records }, (_, n) => n).filter((n) => n % partitions === partition);
    const shuffled = own
      .map((n) => ({ n, at: timeOf(n) + Math.random() * disorder * 0.99 }))
      .sort((a, b) => a.at - b.at)
      .map(({ n }) => JSON.stringify({ id: n, key: `k${n % keys}`, at: timeOf(n) }));
    for (let from = 0; from < shuffled.length; from += 5000)
      await observer.write(topic, partition, shuffled.slice(from, from + 5000));
    const last = { id: records + partition, key: "end", at: timeOf(records) + 10 * trial.size + disorder };
    await observer.write(topic, partition, [JSON.stringify(last)]);
  }
}

function flowOf(around: Surroundings, trial: WindowsTrial, topics: { input: string; output: string; group: string }) {
  const { kept, size, hop, mode = "batch", partitions = 2, perSecond = 60, disorder = 1000 } = trial;
  const late = "msg.payload = { late: true }; return msg;";
  return tabOf(
    [clusterNode(around.brokers, around.cluster)],
    [
      {
        id: "in",
        type: "citystream-kafka-in",
        cluster: "cluster",
        topics: topics.input,
        group: topics.group,
        from: "earliest",
        mode,
        batchRecords: 20,
        spanRecords: 500,
        commitInterval: 50,
        sessionTimeout: 6,
        wires: [["slow"]],
      },
      {
        id: "slow",
        type: "delay",
        pauseType: "rate",
        rate: String(perSecond),
        nbRateUnits: "1",
        rateUnits: "second",
        drop: false,
        wires: [["window"]],
      },
      {
        id: "window",
        type: "citystream-window-batcher",
        kept,
        checkpointEvery: 0.1,
        key: "payload.key",
        time: "payload.at",
        size: `${size} ms`,
        hop: `${hop} ms`,
        disorder: `${disorder} ms`,
        partitions,
        wires: [["brief"], ["late"]],
      },
      { id: "brief", type: "function", outputs: 1, func: BRIEF, wires: [["out"]] },
      { id: "late", type: "function", outputs: 1, func: late, wires: [["out"]] },
      outOf(topics.output),
    ],
  );
}

async function judge(observer: Observer, around: Surroundings, trial: WindowsTrial): Promise<Verdict> {
  const { records, kills, kept, partitions = 2, jitter = 0, patience = 120_000 } = trial;
  const began = Date.now();
  const seed = unique(trial.name.replaceAll(/[^a-z0-9]+/giu, "-"));
  const [input, output, group] = [`${seed}-in`, `${seed}-out`, `${seed}-group`];
  await observer.createTopic(input, partitions);
  await observer.createTopic(output, 1);
  await write(observer, input, trial);
  const expected = windowsOf(trial);
  const versions = async (): Promise<Version[]> => {
    const found: Version[] = [];
    await observer.read(output, ({ value }) => found.push(JSON.parse(String(value)) as Version));
    return found;
  };
  const arrived = async (): Promise<number> => [...(await observer.ends(output)).values()].reduce((a, b) => a + b, 0);

  for (let kill = 0; kill <= kills; kill++) {
    const member = await startMember(around, "node-red", flowOf(around, trial, { input, output, group }));
    try {
      const isLast = kill === kills;
      // Windows hold the newest records, so the last goal is what lies before them.
      const goal = isLast ? records : Math.round((records * (kill + 1)) / (kills + 1)) - Math.min(300, records / 20);
      await until(
        `${goal} of ${records} records of ${seed} committed`,
        async () =>
          (await observer.committedSum(group, input)) >= goal && (!isLast || (await arrived()) >= expected.size),
        patience,
        async () =>
          `${JSON.stringify(trial)}, ${await observer.committedSum(group, input)} committed, ${await arrived()} windows came, ${await member.state()}`,
      );
      if (isLast)
        // Each has come at least once, though more may have come of some.
        await until(
          `all windows of ${seed}`,
          async () => new Set((await versions()).map(({ name }) => name)).size >= expected.size,
          patience,
        );
      await new Promise((resolve) => setTimeout(resolve, Math.random() * jitter));
    } finally {
      await member.kill9();
    }
    if (kill < kills) trial.disturbed?.();
  }

  const found = await versions();
  const whole = new Set<string>();
  const faults: string[] = [];
  let [parts, invented] = [0, 0];
  for (const { name, text, partial } of found) {
    const right = expected.get(name);
    if (right === undefined) {
      invented++;
      continue;
    }
    if (text === right) {
      whole.add(name);
      continue;
    }
    parts++;
    if (kept === "disk") faults.push(`${name} is not what it must be: ${text.slice(0, 300)}`);
    else if (!partial) faults.push(`${name} lacks records and does not say so: ${text.slice(0, 300)}`);
    else if (!whole.has(name)) faults.push(`${name} came in parts before it came whole`);
  }
  const missing = [...expected.keys()].filter((name) => !whole.has(name));
  if (missing.length > 0) faults.push(`${missing.length} windows are missing: ${missing.slice(0, 5).join(", ")}`);
  if (invented > 0) faults.push(`${invented} are no windows of these records, or are late records`);
  const counts: Counts = {
    sent: expected.size,
    arrived: found.length,
    missing: missing.length,
    repeated: found.length - whole.size - parts - invented,
    invented,
    damaged: kept === "disk" ? parts : 0,
  };
  await observer.remove([input, output], [group]);
  return {
    name: trial.name,
    disturbances: kills,
    sent: records,
    places: { windows: counts },
    commits: 0,
    seconds: (Date.now() - began) / 1000,
    faults: brief(faults),
    figures: { inParts: parts },
  };
}
