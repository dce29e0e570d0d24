/** The history of a group's commits, as Kafka itself keeps it, and what it must never show. */

import type { StoredCommit as Commit } from "../../lib/kafka/java";

export type { Commit };

/**
 * A record of `__consumer_offsets` (Kafka's OffsetCommitKey and OffsetCommitValue); undefined when it is none of a
 * commit, or says that one was forgotten.
 */
export function decodeCommit(key: Buffer | null, value: Buffer | null, time: number): Commit | undefined {
  if (!key || !value || key.length < 2 || key.readInt16BE(0) > 1) return undefined;
  let at = 2;
  const text = (): string => {
    const length = key.readInt16BE(at);
    at += 2 + length;
    return key.toString("utf8", at - length, at);
  };
  const group = text();
  const topic = text();
  return { group, topic, partition: key.readInt32BE(at), offset: Number(value.readBigInt64BE(2)), time };
}

/** Commits that went back behind an earlier one of their partition, in words. */
export function movedBack(commits: readonly Commit[]): string[] {
  const last = new Map<number, number>();
  const found: string[] = [];
  for (const { partition, offset } of commits) {
    const before = last.get(partition) ?? 0;
    if (offset < before) found.push(`the commit of partition ${partition} moved back from ${before} to ${offset}`);
    last.set(partition, offset);
  }
  return found;
}

/**
 * Commits beyond the oldest unfinished record, in words.
 *
 * @param firstArrival when record `offset` of a partition was first stored, by the same broker's clock; Infinity when never
 */
export function tooEarly(
  commits: readonly Commit[],
  firstArrival: (partition: number, offset: number) => number,
): string[] {
  /** By partition: the offset up to which `latest` is known. */
  const known = new Map<number, { upTo: number; latest: number; slowest: number }>();
  const found: string[] = [];
  for (const { partition, offset, time } of commits) {
    const state = known.get(partition) ?? { upTo: 0, latest: 0, slowest: 0 };
    for (; state.upTo < offset; state.upTo++) {
      const arrival = firstArrival(partition, state.upTo);
      if (arrival > state.latest) [state.latest, state.slowest] = [arrival, state.upTo];
    }
    known.set(partition, state);
    if (state.latest > time) {
      const when = Number.isFinite(state.latest) ? `was stored ${state.latest - time} ms later` : "was never stored";
      found.push(`offset ${offset} of partition ${partition} was committed, but record ${state.slowest} ${when}`);
    }
  }
  return found;
}

/**
 * A copy of a committed record may still come, from a process that lost its partition, or was too slow to keep it: for
 * so many ms.
 */
export const STRAGGLERS = 30_000;

/** When a record's number was committed, in ms since 1970; Infinity when it was not. */
export function commitTime(commits: readonly Commit[], partitions: number): (n: number) => number {
  const steps = new Map<number, Commit[]>();
  for (const commit of commits) {
    const list = steps.get(commit.partition) ?? [];
    steps.set(commit.partition, list);
    if (commit.offset > (list.at(-1)?.offset ?? 0)) list.push(commit);
  }
  return (n) => {
    const list = steps.get(n % partitions) ?? [];
    const offset = Math.floor(n / partitions);
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((list[middle]?.offset ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return list[low]?.time ?? Infinity;
  };
}

/**
 * The partition of `__consumer_offsets` that has a group's commits: Java's hash of its name without its sign, where the
 * one number that has no opposite counts as 0 (Kafka's GroupCoordinatorService.partitionFor and Utils.abs).
 */
export const partitionOfGroup = (group: string, partitions: number): number => {
  let hash = 0;
  for (let at = 0; at < group.length; at++) hash = (Math.imul(hash, 31) + group.charCodeAt(at)) | 0;
  return hash === -(2 ** 31) ? 0 : Math.abs(hash) % partitions;
};
