/** Judges the judge: alerts of anomaly-detector's methods against the labels of the press data. */
import { InMemoryState } from "../nodes/lib/state/in-memory";
import { detector, type Judgement } from "../nodes/lib/stream/anomaly/detector";
import type { MethodName } from "../nodes/lib/stream/anomaly/method";
import { readSettings } from "../nodes/lib/settings";
import type { StreamRecord } from "../nodes/lib/stream/record";
import { declaration } from "../nodes/transform/anomaly-detector/declaration";
import { optionsOf } from "../nodes/transform/anomaly-detector/options";
import { FIELDS, KINDS, type Kind, type Label, type PressField, type PressRecord } from "./press-data";

export interface Score {
  readonly method: MethodName;
  readonly field: PressField;
  /** Alerts raised, and those of them during a fault or within ten minutes after it. */
  readonly alerts: number;
  readonly right: number;
  /** Faults planted, and those of them with an alert, by kind. */
  readonly planted: Readonly<Record<Kind, number>>;
  readonly found: Readonly<Record<Kind, number>>;
}

/** What no method can know by itself, as it would be on the machine's data sheet; all else is the node's default. */
export const GIVEN: Readonly<Record<PressField, { rate: number; low: number; high: number }>> = {
  vibration: { rate: 1, low: 1, high: 3 },
  temperature: { rate: 4, low: 35, high: 55 },
  pressure: { rate: 0.5, low: 5.5, high: 6.5 },
};

const MINUTE = 60_000;
const GRACE = 10 * MINUTE;
/** Minutes ahead of the forecasts that accompany the records. */
const HORIZON = 60;

const NO_SURROUNDINGS = {
  env: () => undefined,
  configNode: () => undefined,
  tls: () => ({}),
  typedValue: () => () => undefined,
};

/** The node's settings but for its row. */
function settingsFor(method: MethodName, field: PressField) {
  const { rate, low, high } = GIVEN[field];
  const given: Record<string, object> = { limits: { low, raise: high }, rate: { raise: rate } };
  const watched = [{ field, method, ...given[method] }];
  return readSettings(declaration.fields, { watched }, {}, NO_SURROUNDINGS);
}

/** Raised alerts of one method on one field of all presses. */
function alertsOf(method: MethodName, field: PressField, records: readonly StreamRecord[]) {
  const state = new InMemoryState<unknown, Judgement>(detector(optionsOf(settingsFor(method, field))) as never, 100);
  return records.flatMap((record) =>
    (state.take(String(record.key), record)?.alerts ?? [])
      .filter((alert) => alert.state === "raised")
      .map((alert) => ({ key: String(record.key), since: alert.since, time: alert.time })),
  );
}

/**
 * Records with the forecast that lstm-predictor would add, here by a plain forecaster: what the same time of the last day
 * had, 21 readings about it, an hour ahead.
 */
export function withForecasts(records: readonly PressRecord[]): StreamRecord[] {
  const presses = new Set(records.map(({ key }) => key)).size;
  const day = 1440 * presses;
  return records.map((record, at) => {
    const centre = at + HORIZON * presses - day;
    const around = Array.from({ length: 21 }, (_, i) => records[centre + (i - 10) * presses]);
    if (around.some((one) => one === undefined)) return { ...record };
    const mean = (field: PressField): number =>
      around.reduce((sum, one) => sum + (one?.payload[field] ?? 0), 0) / around.length;
    const values = Object.fromEntries(FIELDS.map((field) => [field, { "1h": mean(field) }]));
    const forecast = { ready: true, at: record.timestamp, values, horizons: { "1h": HORIZON * MINUTE } };
    return { ...record, forecast };
  });
}

const none = (): Record<Kind, number> => ({ spike: 0, drift: 0, stuck: 0, context: 0 });

/**
 * @param records see {@link withForecasts}
 * @returns a score for each method and field
 */
export function scores(
  records: readonly StreamRecord[],
  labels: readonly Label[],
  methods: readonly MethodName[],
): Score[] {
  return methods.flatMap((method) =>
    FIELDS.map((field): Score => {
      const faults = labels.filter((label) => label.field === field);
      const alerts = alertsOf(method, field, records);
      const during = (alert: (typeof alerts)[number], { key, from, to }: Label): boolean =>
        alert.key === key && alert.time >= from && alert.time <= to + GRACE;
      const planted = none();
      const found = none();
      for (const fault of faults) {
        planted[fault.kind]++;
        if (alerts.some((alert) => during(alert, fault))) found[fault.kind]++;
      }
      const right = alerts.filter((alert) => faults.some((fault) => during(alert, fault))).length;
      return { method, field, alerts: alerts.length, right, planted, found };
    }),
  );
}

/** Sums over fields, as shares; NaN where there is nothing to divide by. */
export function shares(some: readonly Score[]): { precision: number; recall: number; byKind: Record<Kind, number> } {
  const sum = (pick: (score: Score) => number): number => some.reduce((total, score) => total + pick(score), 0);
  const all = (counts: Readonly<Record<Kind, number>>): number =>
    KINDS.reduce((total, kind) => total + counts[kind], 0);
  const byKind = none();
  for (const kind of KINDS) byKind[kind] = sum((s) => s.found[kind]) / sum((s) => s.planted[kind]);
  return {
    precision: sum((s) => s.right) / sum((s) => s.alerts),
    recall: sum((s) => all(s.found)) / sum((s) => all(s.planted)),
    byKind,
  };
}
