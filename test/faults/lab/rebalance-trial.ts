/**
 * Two and three Node-RED processes of one group, joining, leaving by SIGTERM and dying by SIGKILL while records keep
 * coming. Each change is one rebalance of the group, or two.
 */
import path from "node:path";
import type { NodeRedChild } from "../../harness/child";
import { until } from "../../harness/words";
import { commitTime, movedBack, STRAGGLERS, tooEarly } from "./commits";
import { COMMIT_RECORDS, flowOf } from "./flow";
import { startMember, stopMember, type Surroundings } from "./member";
import { some } from "./numbers";
import { observing, unique, type Observer } from "./observer";
import { filePlace, type Place } from "./places";
import { numberAt, stream } from "./producer";
import { readTopic } from "./topic-place";
import { brief, type Verdict } from "./verdict";

export interface RebalanceTrial {
  readonly name: string;
  /** Changes of the group after its first two members have come. */
  readonly changes: number;
  /** Most members at a time. */
  readonly members?: number;
  readonly perSecond?: number;
  readonly partitions?: number;
  readonly span?: number;
  readonly mode?: "record" | "batch";
  readonly sessionTimeout?: number;
  /** Records to be committed before the next change. */
  readonly between?: number;
  readonly patience?: number;
  readonly disturbed?: (committed: number) => void;
}

export const rebalanceTrial = (around: Surroundings, trial: RebalanceTrial): Promise<Verdict> =>
  observing(around.observed ?? around.brokers, (observer) => judge(observer, around, trial));

async function judge(observer: Observer, around: Surroundings, trial: RebalanceTrial): Promise<Verdict> {
  const { changes, partitions = 4, span = 200, perSecond = 500, between = 500, patience = 180_000 } = trial;
  const began = Date.now();
  const seed = unique(trial.name.replaceAll(/[^a-z0-9]+/giu, "-"));
  const [topic, output, group] = [`${seed}-in`, `${seed}-out`, `${seed}-group`];
  const input = { topic, seed, partitions };
  await observer.createTopic(topic, partitions);
  await observer.createTopic(output, partitions, true);
  const history = await observer.commitsEnd();
  const files: Place[] = [];
  let starts = 0;
  const join = (): Promise<NodeRedChild> => {
    const name = `member-${++starts}`;
    const file = path.join(around.folder, `${name}.txt`);
    files.push(filePlace(seed, file, name));
    const { mode = "record", sessionTimeout = 6 } = trial;
    const step = { kind: "random", from: 1, to: 50 } as const;
    return startMember(
      around,
      name,
      flowOf({ ...withoutInflux(around), input: topic, output, group, step, mode, span, sessionTimeout, file }),
    );
  };
  const committed = (): Promise<number> => observer.committedSum(group, topic);
  const progress = async (): Promise<number> => {
    const goal = (await committed()) + between;
    const reached = async (): Promise<boolean> => {
      load.check();
      return (await committed()) >= goal;
    };
    await until(`${goal} records of ${seed} committed`, reached, patience, saw);
    return committed();
  };

  const members: NodeRedChild[] = [];
  const saw = async (): Promise<string> =>
    [
      `${JSON.stringify(trial)}, ${await committed()} of ${load.sent} committed`,
      ...(await Promise.all(members.map((member) => member.state()))),
    ].join("; ");
  const kinds = { joined: 0, left: 0, died: 0 };
  const load = stream(observer, input, perSecond, Infinity);
  try {
    members.push(await join(), await join());
    kinds.joined += 2;
    await progress();
    const most = trial.members ?? 3;
    for (let change = 0; change < changes; change++) {
      // Three come and go as often as two, and as many die as leave.
      const grow = members.length < 2 || (members.length < most && change % 2 === 0);
      if (grow) {
        members.push(await join());
        kinds.joined++;
      } else {
        const [member] = members.splice(Math.floor(Math.random() * members.length), 1);
        if (kinds.died <= kinds.left) {
          await member?.kill9();
          kinds.died++;
        } else {
          if (member) await stopMember(member);
          kinds.left++;
        }
      }
      trial.disturbed?.(await progress());
    }
    await load.stop();
    for (;;) {
      const from = await committed();
      if (from >= load.sent) break;
      await until(`more than ${from} of ${load.sent} committed`, async () => (await committed()) > from, patience, saw);
    }
    await Promise.all(members.map(stopMember));
  } finally {
    await load.stop().catch(() => undefined);
    await Promise.all(members.map((member) => member.kill9()));
  }

  const kafka = await readTopic(observer, seed, output);
  const commits = await observer.commits(group, topic, history);
  const faults = kafka.tally.faults("kafka", load.sent);
  const inFiles = new Set<number>();
  for (const file of files) {
    await file.look();
    for (let n = 0; n < load.sent; n++) if (file.tally.has(n)) inFiles.add(n);
    const { invented, damaged } = file.tally.counts(load.sent);
    if (invented + damaged > 0) faults.push(...file.tally.faults(file.name, load.sent));
  }
  if (inFiles.size < load.sent) faults.push(`files: ${load.sent - inFiles.size} of ${load.sent} missing`);
  faults.push(...brief(movedBack(commits)));
  faults.push(...brief(tooEarly(commits, (partition, at) => kafka.firstArrival(numberAt(input, partition, at)))));
  const late = kafka.againAfter(commitTime(commits, partitions), STRAGGLERS);
  if (late.length > 0) faults.push(`${late.length} records came again long after they were committed: ${some(late)}`);
  const { repeated } = kafka.tally.counts(load.sent);
  const bound = (changes + 2) * partitions * (span + COMMIT_RECORDS);
  if (repeated > bound) faults.push(`${repeated} repeated, more than ${bound}`);
  await observer.remove([topic, output], [group]);
  return {
    name: trial.name,
    disturbances: changes + 2,
    sent: load.sent,
    places: { kafka: kafka.tally.counts(load.sent) },
    commits: commits.length,
    seconds: (Date.now() - began) / 1000,
    faults,
    figures: { ...kinds, bound },
  };
}

const withoutInflux = ({ influx: _influx, ...around }: Surroundings): Omit<Surroundings, "influx"> => around;
