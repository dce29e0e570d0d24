/** Methods that know beforehand what is wrong: plain limits, rate of change, values that stand still. */
import { deviation, short, type Method, type Thresholds } from "./method";

/** Least width that a score is measured by, in the field's unit. */
const LEAST = 1e-9;

export interface Limits {
  /** In the field's unit; at least one of them. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** How far inside the limits a value must be again; undefined: a twentieth of their distance. */
  readonly margin?: number | undefined;
}

/**
 * High and low limits. The score is 1 at a limit, and grows by 1 for each distance between the limits beyond it (for each
 * size of the limit, where there is but one).
 */
export function limits({ low = -Infinity, high = Infinity, margin }: Limits): Method<never> {
  const only = Number.isFinite(high) ? high : low;
  const width = Number.isFinite(high - low) ? high - low : Math.abs(only);
  const span = Math.max(width, LEAST);
  const clear = 1 - (margin ?? span / 20) / span;
  return {
    name: "limits",
    learns: false,
    judge(_known, { value }) {
      const above = value - high >= low - value;
      const excess = above ? value - high : low - value;
      return { score: 1 + excess / span, clear, measure: value, threshold: above ? high : low, expected: null };
    },
    follow: () => undefined,
    say(field, value, { score, threshold }) {
      const side = threshold === high ? "high" : "low";
      if (score < 1) return `${field} = ${short(value)} is inside the ${side} limit ${short(threshold)}`;
      return `${field} = ${short(value)} has reached the ${side} limit ${short(threshold)}`;
    },
  };
}

/** ms in a unit of time. */
export const UNITS = { second: 1_000, minute: 60_000, hour: 3_600_000 } as const;

/** The previous reading: time (ms) and value. */
type Previous = readonly [time: number, value: number];

/**
 * Rate of change against the key's previous reading: (value − previous) / (time − previous time), in the field's unit a
 * `per`. Readings of one instant have no rate; the first of them stays the previous one.
 */
export function rate(per: keyof typeof UNITS, thresholds: Thresholds): Method<Previous> {
  const unit = UNITS[per];
  return {
    name: "rate",
    learns: false,
    judge(known, { time, value }) {
      if (!known || time <= known[0]) return undefined;
      return deviation(((value - known[1]) * unit) / (time - known[0]), known[1], thresholds);
    },
    follow: (known, { time, value }) => (known && time <= known[0] ? known : [time, value]),
    say: (field, value, { measure, threshold }) =>
      `${field} = ${short(value)} changed by ${short(measure)} a ${per}; the alert is raised at ${short(threshold)}`,
  };
}

/** A value that stands still, and the readings in a row that have it. */
type Run = readonly [value: number, readings: number];

/**
 * Readings in a row that do not move: a live sensor has noise, a dead one often repeats its last value.
 *
 * @param readings in a row that raise
 * @param spread distance from the first of them that still counts as the same value, in the field's unit
 */
export function stuck(readings: number, spread: number): Method<Run> {
  const runOf = (known: Run | undefined, value: number): Run =>
    known && Math.abs(value - known[0]) <= spread ? [known[0], known[1] + 1] : [value, 1];
  return {
    name: "stuck",
    learns: false,
    judge(known, { value }) {
      const [, measure] = runOf(known, value);
      return { score: measure / readings, clear: 1 / readings, measure, threshold: readings, expected: null };
    },
    follow: (known, { value }) => runOf(known, value),
    say: (field, value, { measure, threshold }) =>
      measure > 1
        ? `${field} = ${short(value)} has stood still for ${measure} readings; the alert is raised at ${threshold}`
        : `${field} = ${short(value)} moves`,
  };
}
