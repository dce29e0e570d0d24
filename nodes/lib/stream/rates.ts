/** Totals and rates of a pipeline from two samples of its counters. */
import type { NodeCounts } from "../counters";

export interface Sample {
  /** ms since the epoch */
  readonly time: number;
  readonly nodes: readonly NodeCounts[];
}

export interface CountsPayload {
  readonly time: number;
  readonly totals: {
    /** Records that sources emitted and that are neither acknowledged nor dead-lettered. */
    readonly unfinished: number;
    readonly emitted: number;
    readonly acknowledged: number;
    readonly deadLettered: number;
    readonly failed: number;
  };
  /** Each node's counts, with records a second since the sample before. */
  readonly nodes: readonly (NodeCounts & { readonly rate: number })[];
}

/** What a node has put through: emitted by a source, finished by any other. */
const throughput = (counts: NodeCounts): number => counts.emitted + counts.finished;

/** The payload for a sample; rates are 0 while there is no sample before it. */
export function countsMessage(now: Sample, before: Sample | undefined): CountsPayload {
  const earlier = new Map(before?.nodes.map((counts) => [counts.id, counts]));
  const seconds = before ? (now.time - before.time) / 1000 : 0;
  const sum = (pick: (counts: NodeCounts) => number): number =>
    now.nodes.reduce((total, counts) => total + pick(counts), 0);
  return {
    time: now.time,
    totals: {
      unfinished: sum(({ emitted, acknowledged, deadLettered }) => emitted - acknowledged - deadLettered),
      emitted: sum(({ emitted }) => emitted),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      deadLettered: sum(({ deadLettered }) => deadLettered),
      failed: sum(({ failed }) => failed),
    },
    nodes: now.nodes.map((counts) => {
      const past = earlier.get(counts.id);
      const rate = past && seconds > 0 ? (throughput(counts) - throughput(past)) / seconds : 0;
      return { ...counts, rate: Math.round(rate * 10) / 10 };
    }),
  };
}
