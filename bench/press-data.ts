/**
 * Readings of hydraulic presses with planted faults, and labels that say where they are. From a seed: the same everywhere.
 *
 * A press has vibration (mm/s, noise with some memory), temperature (°C, a daily shape, days that differ, noise) and
 * pressure (bar, noise), one reading a minute, rounded as its sensors do. The first four days are good; then each field has a
 * fault in every quarter of a day: a spike of one reading, a drift of three hours, a value that stands still for two,
 * and in temperature two hours that would be ordinary at another time of day.
 */
import { normal, randomNumbers } from "../nodes/lib/forecast/random";

export const FIELDS = ["vibration", "temperature", "pressure"] as const;
export type PressField = (typeof FIELDS)[number];
export const KINDS = ["spike", "drift", "stuck", "context"] as const;
export type Kind = (typeof KINDS)[number];

export interface Label {
  readonly key: string;
  readonly field: PressField;
  readonly kind: Kind;
  /** Event time of its first and last reading, ms. */
  readonly from: number;
  readonly to: number;
}

export interface PressRecord {
  readonly key: string;
  readonly timestamp: number;
  readonly payload: { readonly device_id: string } & Readonly<Record<PressField, number>>;
}

const MINUTE = 60_000;
const DAY = 1440;
const START = Date.UTC(2026, 2, 2);
const GOOD_DAYS = 4;
/** Minutes of a fault's part of the day, and of its length. */
const PART = DAY / 4;
const LENGTH: Readonly<Record<Kind, number>> = { spike: 1, drift: 180, stuck: 120, context: 120 };
/** How often a field has a fault; in temperature every fourth spike is replaced by a fault of context. */
const ORDER: readonly Kind[] = ["spike", "drift", "spike", "stuck", "context", "spike"];

interface Shape {
  readonly base: number;
  /** Of the daily shape, and of what tells days apart. */
  readonly daily: number;
  readonly days: number;
  /** Standard deviation of the noise, and how much of it stays to the next minute. */
  readonly noise: number;
  readonly stays: number;
  /** Size of a spike, and of a drift at its end. */
  readonly spike: number;
  readonly drift: number;
  /** Steps of the sensor. */
  readonly step: number;
}

const SHAPES: Readonly<Record<PressField, Shape>> = {
  vibration: { base: 2, daily: 0, days: 0, noise: 0.15, stays: 0.3, spike: 1.6, drift: 1.1, step: 0.01 },
  temperature: { base: 45, daily: 6, days: 0.4, noise: 0.4, stays: 0.2, spike: 7, drift: 8, step: 0.1 },
  pressure: { base: 6, daily: 0, days: 0, noise: 0.08, stays: 0, spike: 0.8, drift: -0.6, step: 0.01 },
};

/** °C above or below its time of day. */
const CONTEXT = 5;

/** Readings in the order of time, those of all presses of a minute after each other. */
export function pressData({ seed = 7, days = 10, presses = 3 } = {}): { records: PressRecord[]; labels: Label[] } {
  const labels: Label[] = [];
  const series = Array.from({ length: presses }, (_, p) => {
    const key = `press-${p + 1}`;
    const columns = FIELDS.map((field, f) => column(key, field, randomNumbers(seed * 1000 + p * 10 + f), days, labels));
    return { key, columns };
  });
  const records: PressRecord[] = [];
  for (let minute = 0; minute < days * DAY; minute++)
    for (const { key, columns } of series) {
      const [vibration = 0, temperature = 0, pressure = 0] = columns.map((values) => values[minute]);
      const payload = { device_id: key, vibration, temperature, pressure };
      records.push({ key, timestamp: START + minute * MINUTE, payload });
    }
  return { records, labels };
}

function column(key: string, field: PressField, random: () => number, days: number, labels: Label[]): number[] {
  const shape = SHAPES[field];
  const values: number[] = [];
  let noise = 0;
  let ofDay = 0;
  for (let minute = 0; minute < days * DAY; minute++) {
    if (minute % DAY === 0) ofDay = shape.days * normal(random);
    noise = shape.stays * noise + Math.sqrt(1 - shape.stays ** 2) * shape.noise * normal(random);
    values.push(shape.base + shape.daily * Math.sin((2 * Math.PI * (minute - DAY / 3)) / DAY) + ofDay + noise);
  }
  for (let part = 0; part < (days - GOOD_DAYS) * 4; part++) {
    const wanted = ORDER[part % ORDER.length] ?? "spike";
    const kind = wanted === "context" && field !== "temperature" ? "spike" : wanted;
    const first = GOOD_DAYS * DAY + part * PART + Math.floor(random() * (PART / 2));
    plant(values, kind, first, shape, random() < 0.5 ? -1 : 1);
    const last = first + LENGTH[kind] - 1;
    labels.push({ key, field, kind, from: START + first * MINUTE, to: START + last * MINUTE });
  }
  const steps = Math.round(1 / shape.step);
  return values.map((value) => Math.round(value * steps) / steps);
}

function plant(values: number[], kind: Kind, first: number, shape: Shape, sign: number): void {
  const stands = values[first] as number;
  for (let i = 0; i < LENGTH[kind]; i++) {
    const value = values[first + i] as number;
    values[first + i] = {
      spike: value + sign * shape.spike,
      drift: value + (shape.drift * (i + 1)) / LENGTH.drift,
      stuck: stands,
      context: value + sign * CONTEXT,
    }[kind];
  }
}

/** The data as CSV: a record a line, with the kinds of its faults. */
export function pressCsv({ records, labels }: ReturnType<typeof pressData>): string {
  const lines = records.map(({ key, timestamp, payload }) => {
    const faults = labels
      .filter((label) => label.key === key && label.from <= timestamp && timestamp <= label.to)
      .map(({ field, kind }) => `${field}:${kind}`);
    const values = FIELDS.map((field) => payload[field]);
    return [key, new Date(timestamp).toISOString(), ...values, faults.join(" ")].join(",");
  });
  return [`device_id,time,${FIELDS.join(",")},fault`, ...lines, ""].join("\n");
}
