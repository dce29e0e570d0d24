/** What every way to judge a reading has in common. */
import type { StreamRecord } from "../record";

export const METHODS = ["limits", "rate", "zscore", "ewma", "seasonal", "forecast", "stuck"] as const;
export type MethodName = (typeof METHODS)[number];

/** Beyond this a number is no reading: its square would not be a number any more. */
export const LARGEST = 1e150;

/** One field of one record. */
export interface Reading {
  /** Event time, ms since the epoch. */
  readonly time: number;
  readonly value: number;
  readonly record: StreamRecord;
}

/** What a method finds in a reading. */
export interface Verdict {
  /** How far the reading is towards the threshold: 1 is at it. Comparable over methods and fields. */
  readonly score: number;
  /** Score at which an alarm ends, at most 1. */
  readonly clear: number;
  /** What the method measures, in its own unit: sigmas, change in a unit of time, readings in a row, or the value itself. */
  readonly measure: number;
  /** Where it raises, in the same unit. */
  readonly threshold: number;
  /** In the field's unit; null where the method expects no value. */
  readonly expected: number | null;
}

/** A method with its parameters. `M` is what it knows of a key and field: plain JSON, never changed in place. */
export interface Method<M = unknown> {
  readonly name: MethodName;
  /** It learns what is normal, so an alarm may hold it up. */
  readonly learns: boolean;
  /** Judges a reading by what is known before it; undefined when too little is. */
  judge(known: M | undefined, reading: Reading): Verdict | undefined;
  /** Takes the reading in. `learn` is false for a reading that must not count as normal. */
  follow(known: M | undefined, reading: Reading, learn: boolean): M | undefined;
  /** The verdict in a sentence. */
  say(field: string, value: number, verdict: Verdict): string;
}

/** Where a method raises and clears, in its own unit. */
export interface Thresholds {
  readonly raise: number;
  readonly clear: number;
  /** Which deviations count. */
  readonly side: "both" | "above" | "below";
}

/** The verdict on a deviation that has a sign. */
export function deviation(measured: number, expected: number | null, thresholds: Thresholds): Verdict {
  const { raise, clear, side } = thresholds;
  const measure = side === "both" ? Math.abs(measured) : Math.max(0, side === "above" ? measured : -measured);
  return { score: measure / raise, clear: clear / raise, measure, threshold: raise, expected };
}

/** A number as people read it: four digits. */
export const short = (value: number): string => String(Number(value.toPrecision(4)));
