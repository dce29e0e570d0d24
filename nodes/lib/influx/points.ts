/** From records to lines of line protocol, by a mapping that the user has set. */
import type * as Client from "@influxdata/influxdb-client";
import { Rejected } from "../errors";
import { lazily } from "../lazily";
import { type Template, template, valuePath } from "../template";
import { type FieldType, type TimeUnit, checkName, fieldValue, fromMs, tagValue, timeValue } from "./values";

const client = lazily(() => require("@influxdata/influxdb-client") as typeof Client);

/** A line in two parts, since files hold all times in nanoseconds. */
export interface Line {
  /** Measurement, tags and fields. */
  readonly body: string;
  /** In the mapping's unit. */
  readonly time: string;
}

export interface MappingSettings {
  /** A template. */
  readonly measurement: string;
  readonly tags: readonly { readonly name: string; readonly from: string }[];
  /** Empty: every property of the payload that is no tag and not the time. */
  readonly fields: readonly { readonly name: string; readonly from: string; readonly type: FieldType }[];
  /** Where the time is; empty: `timestamp`, or the time of arrival when there is none. */
  readonly time: string;
  readonly unit: TimeUnit;
}

type Read = (from: unknown) => unknown;

/** The name a row leaves empty is the last step of its path. */
const nameOf = (name: string, from: string): string =>
  name.trim() || (/([^.[\]"']+)["'\]]*$/.exec(from.trim())?.[1] ?? from);

/**
 * @returns what makes the line of one record. It throws Rejected, naming the field or tag, when no line can be made.
 * @throws ConfigError when a path or the template is wrong
 */
export function pointMapping(settings: MappingSettings): (record: unknown, arrived: number) => Line {
  const measurement: Template = template(settings.measurement, "Measurement");
  const tags = settings.tags.map(({ name, from }) => ({ name: nameOf(name, from), read: valuePath(from, "Tags") }));
  const fields = settings.fields.map(({ name, from, type }) => ({
    name: nameOf(name, from),
    type,
    read: valuePath(from, "Fields"),
  }));
  const { unit } = settings;
  const time: Read | undefined = settings.time.trim() === "" ? undefined : valuePath(settings.time, "Time");
  const used = new Set(
    [...settings.tags.map(({ from }) => from), settings.time].map((path) => path.trim().replace(/^msg\./, "")),
  );

  const put = (point: Client.Point, name: string, value: unknown, type: FieldType): void => {
    const field = fieldValue(name, value, type);
    if (!field) return;
    checkName("Field", name);
    // the library's own intField rounds silently; the digits are checked already
    if (field.type === "integer") point.fields[name] = `${field.value}i`;
    else if (field.type === "float") point.floatField(name, field.value);
    else if (field.type === "boolean") point.booleanField(name, field.value);
    else point.stringField(name, field.value);
  };

  /** Properties become fields, those of inner objects as `outer_inner`. */
  const putAll = (point: Client.Point, value: unknown, path: string, prefix: string): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
      throw new Rejected(
        `The payload is ${Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`}, not an object whose properties are fields; name the fields in the node`,
      );
    for (const [name, inner] of Object.entries(value)) {
      const at = `${path}.${name}`;
      if (used.has(at)) continue;
      if (typeof inner === "object" && inner !== null && !Array.isArray(inner) && !(inner instanceof Date))
        putAll(point, inner, at, `${prefix}${name}_`);
      else put(point, prefix + name, inner, "auto");
    }
  };

  const timeOf = (record: unknown, arrived: number): string => {
    if (time) {
      const value = time(record);
      if (value === undefined || value === null)
        throw new Rejected(`The record has no time: ${settings.time} is ${String(value)}`);
      return timeValue(value, unit);
    }
    const { timestamp } = record as { timestamp?: unknown };
    // msg.timestamp is always in ms; without one the record is of now
    if (timestamp === undefined || timestamp === null) return fromMs(arrived, unit);
    const ms = typeof timestamp === "number" ? timestamp : Number(timeValue(timestamp, "ms"));
    return fromMs(ms, unit);
  };

  const { Point: NewPoint } = client();
  return (record, arrived) => {
    const point = new NewPoint(checkName("Measurement", measurement.render(record)));
    for (const { name, read } of tags) {
      const value = tagValue(name, read(record));
      if (value !== undefined) point.tag(name, value);
    }
    if (fields.length > 0) for (const { name, type, read } of fields) put(point, name, read(record), type);
    else putAll(point, (record as { payload?: unknown }).payload, "payload", "");
    point.timestamp("");
    const body = point.toLineProtocol({ convertTime: () => undefined });
    if (body === undefined)
      throw new Rejected("The record has no field left to write: all are null or missing, and a point needs one");
    return { body, time: timeOf(record, arrived) };
  };
}
