import { timeOf } from "./metric";

/** The latest time that a Date can hold, ms since the epoch. */
const LAST = 8.64e15;
/** `msg.timestamp` is always ms; in fields of their own, sensors also send seconds. */
const PLAIN = /^(?:msg\.)?timestamp$/u;

/** Whether a path names `msg.timestamp`. */
export const isTimestamp = (path: string): boolean => PLAIN.test(path.trim());

/** Reads what stands at a path as a time: ms since the epoch, NaN where it is none. */
export const timeAt = (path: string): ((found: unknown) => number) =>
  isTimestamp(path)
    ? (found) => (typeof found === "number" ? (Math.abs(found) <= LAST ? found : NaN) : timeOf(found))
    : timeOf;
