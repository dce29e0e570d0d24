import { Rejected } from "../errors";
import { compileNames, describe, parsePath } from "../stream/path";
import { compassDegrees } from "./inputs";
import type { Feature } from "./metadata";

/** Texts by which data sets say that a reading is missing. */
const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "-"]);

/** Beyond this single precision has no numbers. */
const LARGEST = 3.4e38;

/** Reads the features of a record's payload into a row; a missing one is NaN. */
export interface ReadingReader {
  readonly features: readonly Feature[];
  /**
   * @throws Rejected when a value is no number, or none of the features is there
   */
  read(payload: unknown): Float32Array;
  /** One feature's value as a number, NaN when missing. @throws Rejected when it is no number */
  value(index: number, value: unknown): number;
}

/**
 * @param properties the property of the payload that holds a feature, where it is not called as the feature
 * @throws ConfigError when a property is no path
 */
export function readingReader(
  features: readonly Feature[],
  properties: ReadonlyMap<string, string> = new Map(),
): ReadingReader {
  const readers = features.map(({ name }) => {
    const property = properties.get(name);
    if (property === undefined) return compileNames([name]);
    return compileNames(parsePath(property, `Property of ${name}`));
  });
  const value = (index: number, given: unknown): number => {
    const { name, type } = features[index] as Feature;
    if (typeof given === "number" && !(Math.abs(given) > LARGEST)) return given;
    if (given === undefined || given === null) return Number.NaN;
    if (typeof given === "string") {
      if (MISSING.has(given.trim().toLowerCase())) return Number.NaN;
      const found = (type === "compass" ? compassDegrees(given) : undefined) ?? Number(given);
      if (Math.abs(found) <= LARGEST) return found;
    }
    throw new Rejected(
      `${name} is ${describe(given)}; it must be a number${type === "compass" ? " or NNW etc." : ""}.`,
    );
  };
  return {
    features,
    value,
    read(payload) {
      if (typeof payload !== "object" || payload === null) {
        throw new Rejected(`the payload is ${describe(payload)}; it must be an object with ${listed(features)}.`);
      }
      const row = Float32Array.from(readers, (read, index) => value(index, read(payload)));
      if (row.every(Number.isNaN)) {
        throw new Rejected(`the payload has none of the model's features ${listed(features)}.`);
      }
      return row;
    },
  };
}

export const listed = (features: readonly Feature[]): string => features.map(({ name }) => name).join(", ");

/** Features of the last row that lie outside of what the model was trained on, by name. */
export function outOfRange(features: readonly Feature[], row: Float32Array): string[] {
  return features
    .filter(({ min, max }, i) => (row[i] as number) < min || (row[i] as number) > max)
    .map(({ name }) => name);
}

/**
 * Event time in ms: a number, a date, or a text that `Date` understands.
 * @throws Rejected when it is something else
 */
export function eventTime(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const time = value instanceof Date ? value.getTime() : typeof value === "string" ? textTime(value) : value;
  if (typeof time === "number" && Number.isFinite(time)) return time;
  throw new Rejected(`the time is ${describe(value)}; it must be ms since the epoch, or a date.`);
}

const textTime = (text: string): number => (/^\d+$/.test(text.trim()) ? Number(text) : Date.parse(text));
