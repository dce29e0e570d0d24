/** Collects records into batches, one queue a partition. No I/O and no clock of its own. */
import { recordSize } from "./record-batch";
import type { Outcome, OutgoingRecord } from "./port";

/** Records that were given together: resolved once each has its outcome. */
export class Group {
  readonly outcomes: Outcome[];
  constructor(
    public left: number,
    private readonly settled: (outcomes: readonly Outcome[]) => void,
  ) {
    this.outcomes = Array.from<Outcome>({ length: left });
  }

  resolve(): void {
    this.settled(this.outcomes);
  }
}

/** One of a group's records. A class, as batches are, so that they stay out of V8's old space: see short-lived.ts. */
export class Entry {
  readonly size: number;
  constructor(
    readonly record: OutgoingRecord,
    readonly group: Group,
    readonly index: number,
  ) {
    this.size = recordSize(record);
  }
}

export const settle = (entry: Entry, outcome: Outcome): void => {
  const { group } = entry;
  group.outcomes[entry.index] = outcome;
  if (--group.left === 0) group.resolve();
};

/** A batch; once it was sent its bytes never change, so that sending it again is harmless. */
export class Batch {
  bytes = 0;
  encoded: Buffer | undefined;
  /** It was sent, and what the broker made of it is not known. */
  doubtful = false;
  /** The error it was answered with last, and how often in a row. */
  refusal = 0;
  refusals = 0;

  constructor(
    readonly entries: Entry[],
    readonly created: number,
    /** No more records join it. */
    public sealed: boolean,
  ) {
    for (const { size } of entries) this.bytes += size;
  }
}

export interface Lane {
  readonly topic: string;
  readonly partition: number;
  leader: number;
  readonly batches: Batch[];
  inFlight: boolean;
  /** Not before this time, in ms since the epoch. */
  notBefore: number;
  failures: number;
  sequence: number;
  /** The producer id for which `sequence` counts. */
  sequenceOf: bigint;
}

export const makeLane = (topic: string, partition: number, leader: number): Lane => ({
  topic,
  partition,
  leader,
  batches: [],
  inFlight: false,
  notBefore: 0,
  failures: 0,
  sequence: 0,
  sequenceOf: -2n,
});

/** Largest number of records in one batch. */
const MOST = 50_000;

/** Appends a record to the lane's open batch, or to a new one. */
export const append = (lane: Lane, entry: Entry, batchBytes: number, now: number): void => {
  let batch = lane.batches.at(-1);
  if (!batch || batch.sealed || batch.bytes + entry.size > batchBytes || batch.entries.length >= MOST) {
    if (batch) batch.sealed = true;
    batch = new Batch(Array.of<Entry>(), now, false);
    lane.batches.push(batch);
  }
  batch.entries.push(entry);
  batch.bytes += entry.size;
  if (batch.bytes >= batchBytes) batch.sealed = true;
};

/** When the lane's first batch may be sent, in ms since the epoch; Infinity when there is none. */
export const readyAt = (lane: Lane, linger: number): number => {
  const batch = lane.batches[0];
  if (!batch || lane.inFlight) return Infinity;
  return Math.max(lane.notBefore, batch.sealed ? 0 : batch.created + linger);
};

/** Puts the halves of the lane's first batch in its place: it was refused whole, for its size or one of its records. */
export const halve = (lane: Lane): void => {
  const batch = lane.batches.shift();
  if (!batch) return;
  const middle = batch.entries.length >> 1;
  const part = (entries: Entry[]): Batch => new Batch(entries, batch.created, true);
  lane.batches.unshift(part(batch.entries.slice(0, middle)), part(batch.entries.slice(middle)));
};

/** Entries for records that are given together. `resolve` is called once all have an outcome. */
export const groupOf = (
  records: readonly OutgoingRecord[],
  resolve: (outcomes: readonly Outcome[]) => void,
): Entry[] => {
  const group = new Group(records.length, resolve);
  return records.map((record, index) => new Entry(record, group, index));
};
