/** Event time from a property of a payload. */
import { Rejected } from "../errors";

/** Numbers below it are seconds since 1970 (until the year 5138), above it milliseconds (since 1973). */
const LARGEST_SECONDS = 1e11;

/**
 * Reads a time: ISO 8601 text (UTC unless it says otherwise), or a number of seconds or milliseconds since 1970.
 * @throws Rejected when the property is there and is no time; undefined when it is not there.
 */
export function eventTime(path: string): (payload: unknown) => number | undefined {
  if (path === "") return () => undefined;
  const steps = path.replace(/^(?:msg\.)?payload\./u, "").split(".");
  return (payload) => {
    let value = payload;
    for (const step of steps)
      value =
        typeof value === "object" && value !== null && Object.hasOwn(value, step)
          ? (value as Record<string, unknown>)[step]
          : undefined;
    if (value === undefined || value === null) return undefined;
    const time = timeOf(value);
    if (Number.isNaN(time))
      throw new Rejected(`event time: payload.${steps.join(".")} is ${JSON.stringify(value)}, no time`);
    return time;
  };
}

/** ms since the epoch, NaN for what is no time; a Date is one. */
export function timeOf(value: unknown): number {
  if (typeof value === "number") return Math.abs(value) < LARGEST_SECONDS ? value * 1_000 : value;
  if (value instanceof Date) return value.getTime();
  if (typeof value !== "string") return NaN;
  const text = value.trim();
  if (/^-?\d+(?:\.\d+)?$/u.test(text)) return timeOf(Number(text));
  const isDate = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|$)/u.test(text);
  const hasZone = /(?:Z|[+-]\d{2}:?\d{2})$/iu.test(text);
  // ECMAScript reads date-times without a zone as local time; a pipeline must not depend on its host's zone
  return isDate ? Date.parse(hasZone || text.length === 10 ? text : `${text.replace(" ", "T")}Z`) : NaN;
}
