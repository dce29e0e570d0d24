/** What the settings mean: each row with its method and its own parameters. */
import { ConfigError, Rejected } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import type { DetectorOptions, Watch, WatchedField } from "../../lib/stream/anomaly/detector";
import { duration } from "../../lib/stream/duration";
import { compilePath, describe } from "../../lib/stream/path";
import { timeAt } from "../../lib/stream/time-at";
import type { StreamRecord } from "../../lib/stream/record";
import type { declaration } from "./declaration";
import { methodOf } from "./method-of";
import { parametersOf, type Parameters } from "./parameters";

export type DetectorSettings = Settings<(typeof declaration)["fields"]>;
export type Row = DetectorSettings["watched"][number];

/** @throws ConfigError naming the setting, row and what to enter */
export function optionsOf(settings: DetectorSettings): DetectorOptions {
  const fields = new Map<string, WatchedField & { errors: number[]; watches: Watch[] }>();
  settings.watched.forEach((row, index) => {
    const setting = `Fields: row ${index + 1}`;
    const field = row.field.trim();
    const known = fields.get(field) ?? { field, read: compilePath(field, setting), errors: [], watches: [] };
    fields.set(field, known);
    const id = `${field} ${row.method}`;
    if (known.watches.some((watch) => watch.id === id))
      throw new ConfigError(`${setting}: "${field}" is judged by ${row.method} already; keep one of the rows`);
    const own = parametersOf(row.more, row.method, setting);
    const error = own.number("error", -Infinity, Infinity);
    if (error !== undefined) known.errors.push(error);
    known.watches.push({ id, ...watchOf(row, settings, own, setting) });
  });
  return {
    fields: [...fields.values()],
    timeOf: eventTime(settings.time),
    group: notNegative(settings.grouping, "Group within"),
    pause: notNegative(settings.pause, "Cool-down"),
    evidence: settings.evidence,
    learnInAlarm: settings.learnInAlarm,
    relearn: settings.relearn,
  };
}

function watchOf(row: Row, settings: DetectorSettings, own: Parameters, setting: string): Omit<Watch, "id"> {
  const readings = own.count("for");
  const lasting = readings === undefined ? own.text("for") : undefined;
  return {
    method: methodOf(row, settings, own, setting),
    hysteresis: {
      readings: readings ?? (lasting === undefined ? settings.readings : 1),
      lasting:
        lasting === undefined
          ? readings === undefined
            ? notNegative(settings.lasting, "For a time")
            : 0
          : notNegative(lasting, `${setting}: for`),
    },
  };
}

/** Reads the event time in ms. */
export function eventTime(path: string): (record: StreamRecord) => number {
  const read = compilePath(path, "Event time");
  const timeIn = timeAt(path);
  return (record) => {
    const found = read(record);
    const time = timeIn(found);
    if (Number.isNaN(time))
      throw new Rejected(`Event time: ${path} is ${describe(found)} in this record; name a property with its time`);
    return time;
  };
}

/** ms of a duration setting. @throws ConfigError */
export function notNegative(text: string, setting: string): number {
  const ms = duration(text, setting);
  if (ms < 0) throw new ConfigError(`${setting}: "${text}" is negative; write for example 5 min, or 0`);
  return ms;
}
