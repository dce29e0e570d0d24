/** Records that are given together, topic by topic: what becomes of one topic's is no other's concern. */
import type { Outcome, OutgoingRecord } from "./port";

/** "spooled": durable on disk, on its way to Kafka. */
export type SpooledOutcome = Outcome | "spooled";

/** Records of one topic that were given to Kafka without the spool. */
export interface Flight {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  readonly since: number;
  /** Number of its first record in the spool, if it was put there too; `spilled` tells when. */
  first: number | undefined;
  spilled: (() => void) | undefined;
  resolve(outcomes: readonly SpooledOutcome[]): void;
}

export interface Waiting {
  /** It was on its way before, and waits before what came since. */
  readonly again?: true;
  readonly since: number;
  readonly records: readonly OutgoingRecord[];
  readonly contents: readonly Buffer[];
  resolve(outcomes: readonly SpooledOutcome[]): void;
}

type Resolve<T> = (outcomes: readonly T[]) => void;

/** Calls `launch` for the records of each topic; `resolve` gets all outcomes in the order of the records. */
export const launchByTopic = <T>(
  records: readonly OutgoingRecord[],
  resolve: Resolve<T>,
  launch: (topic: string, records: readonly OutgoingRecord[], resolve: Resolve<T>) => void,
): void => {
  const topic = records[0]?.topic ?? "";
  if (records.every((record) => record.topic === topic)) return launch(topic, records, resolve);
  const places = new Map<string, number[]>();
  for (const [at, record] of records.entries()) {
    const own = places.get(record.topic);
    if (own) own.push(at);
    else places.set(record.topic, [at]);
  }
  const all = Array.from<T>({ length: records.length });
  const left = new Set(places.keys());
  for (const [name, own] of places)
    launch(
      name,
      own.map((at) => records[at]!),
      (outcomes) => {
        // What is durable on disk may be told once more, by Kafka.
        if (!left.delete(name)) return;
        for (const [n, at] of own.entries()) all[at] = outcomes[n]!;
        if (left.size === 0) resolve(all);
      },
    );
};
