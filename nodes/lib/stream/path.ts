/** Reading a property of a record by its path, and a record's key by path or template. */
import { ConfigError, Rejected } from "../errors";
import { template } from "../template";

export type Read = (record: unknown) => unknown;

/** A name, with what looks like decimals of it (`PM2.5`); or a position or quoted name in brackets. */
const SEGMENT = /[^.[\]]+(?:\.\d+(?![^.[]))*|\[(?:(\d+)|"([^"]*)"|'([^']*)')\]/gy;

/**
 * Splits `payload.readings[0].temp` or `payload["air quality"]` into its names; a leading `msg.` is dropped. Digits after
 * a dot belong to the name, since air is measured in `PM2.5`; positions are written in brackets.
 * Throws a ConfigError that names the setting and shows the path when it cannot be read.
 */
export function parsePath(path: string, setting: string): string[] {
  const names: string[] = [];
  const trimmed = path.trim().replace(/^msg\.(?=.)/, "");
  let at = 0;
  while (at < trimmed.length) {
    if (trimmed[at] === "." && at > 0) at++;
    SEGMENT.lastIndex = at;
    const match = SEGMENT.exec(trimmed);
    if (!match)
      throw new ConfigError(`${setting}: "${path}" is not a property path; write for example readings[0].temp`);
    names.push(match[1] ?? match[2] ?? match[3] ?? match[0]);
    at = SEGMENT.lastIndex;
  }
  if (names.length === 0) throw new ConfigError(`${setting}: the property path is empty; write for example temp`);
  return names;
}

/** A reader for `names`, `undefined` where a step is missing. */
export function compileNames(names: readonly string[]): Read {
  const [first = "", second, third] = names;
  if (second === undefined) return (record) => step(record, first);
  if (third === undefined) return (record) => step(step(record, first), second);
  return (record) => {
    let value = record;
    for (const name of names) value = step(value, name);
    return value;
  };
}

/** A reader for a path; see {@link parsePath}. */
export function compilePath(path: string, setting: string): Read {
  return compileNames(parsePath(path, setting));
}

function step(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const found = (value as Record<string, unknown>)[name];
  return typeof found === "function" ? undefined : found;
}

/** A record's key as text. Throws Rejected, naming the setting and what was found, where there is none. */
export type KeyOf = (record: unknown) => string;

/**
 * A reader for a record's key: a path (`payload.device_id`) or a template (`{{payload.site}}/{{payload.id}}`).
 * By a path, text, finite numbers, booleans and UTF-8 buffers are keys. An empty expression gives every record the key "".
 */
export function compileKey(expression: string, setting = "Key"): KeyOf {
  if (expression.trim() === "") return () => "";
  if (expression.includes("{{")) return template(expression, setting).render;
  const read = compilePath(expression, setting);
  return (record) => {
    const value = read(record);
    if (typeof value === "string") return value;
    if (Number.isFinite(value) || typeof value === "boolean" || typeof value === "bigint") return String(value);
    if (Buffer.isBuffer(value)) return value.toString("utf8");
    throw new Rejected(`${setting}: ${expression} is ${describe(value)} in this record; it must be text or a number`);
  };
}

/** A value in a few words for an error: its kind, and the value itself where that is short. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (typeof value === "string")
    return value.length > 60 ? `${JSON.stringify(value.slice(0, 57))}…` : JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (Buffer.isBuffer(value)) return `a buffer of ${value.length} bytes`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
