/** Detectors as the node's settings make them, and series to judge. */
import { readSettings } from "../../../../nodes/lib/settings";
import { InMemoryState } from "../../../../nodes/lib/state/in-memory";
import type { Advance } from "../../../../nodes/lib/state/port";
import type { Alert } from "../../../../nodes/lib/stream/anomaly/alerts";
import { detector, type Judgement, type KeyState } from "../../../../nodes/lib/stream/anomaly/detector";
import type { StreamRecord } from "../../../../nodes/lib/stream/record";
import { declaration } from "../../../../nodes/transform/anomaly-detector/declaration";
import { optionsOf } from "../../../../nodes/transform/anomaly-detector/options";

export type RowSettings = Readonly<Record<string, string | number | boolean>>;

const NO_SURROUNDINGS = {
  env: () => undefined,
  configNode: () => undefined,
  tls: () => ({}),
  typedValue: () => () => undefined,
};

/** The node's defaults, but for its rows and what is given. */
export function made(watched: readonly RowSettings[], settings: RowSettings = {}): Advance<KeyState, Judgement> {
  const rows = watched.map((row) => ({ field: "x", ...row }));
  return detector(optionsOf(readSettings(declaration.fields, { watched: rows, ...settings }, {}, NO_SURROUNDINGS)));
}

export const MINUTE = 60_000;
export const at = (minute: number, payload: object, more: object = {}): StreamRecord => ({
  payload,
  timestamp: minute * MINUTE,
  ...more,
});

/** What is said of each record of one key. */
export function judged(
  advance: Advance<KeyState, Judgement>,
  records: readonly StreamRecord[],
): (Judgement | undefined)[] {
  const state = new InMemoryState(advance, 10);
  return records.map((record) => state.take("k", record));
}

/** A reading a minute of the field x. */
export const series = (values: readonly unknown[]): StreamRecord[] => values.map((x, minute) => at(minute, { x }));

/** The alerts of a series, as `raised 5` with their minute. */
export const told = (advance: Advance<KeyState, Judgement>, records: readonly StreamRecord[]): string[] =>
  alertsIn(judged(advance, records)).map(({ state, time }) => `${state} ${time / MINUTE}`);

export const alertsIn = (judgements: readonly (Judgement | undefined)[]): Alert[] =>
  judgements.flatMap((judgement) => [...(judgement?.alerts ?? [])]);
