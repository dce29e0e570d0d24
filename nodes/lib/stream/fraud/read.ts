/** Reads a record as a transaction. */
import { Rejected } from "../../errors";
import { describe, compilePath, type Read } from "../path";
import type { StreamRecord } from "../record";
import { timeAt } from "../time-at";
import { FEEDBACK, type Feedback, type Listed, type Place, type Transaction } from "./contract";
import { LONGEST_NAME } from "./known";

export interface Paths {
  readonly amount: string;
  readonly time: string;
  /** Empty: the records have none. */
  readonly currency: string;
  readonly country: string;
  readonly category: string;
  readonly latitude: string;
  readonly longitude: string;
  /** Of the values that lists hold. */
  readonly listed: readonly string[];
}

/** Beyond this a number is no amount; sums and products of amounts stay finite. */
const MOST = 1e15;

/** Which list holds a value; deny goes before allow. */
export type Lists = (value: string) => Listed["list"] | undefined;

/**
 * @param rates what one unit of a currency is worth in the base currency
 * @returns a reader that throws Rejected, naming setting and path, for records that are no transactions
 * @throws ConfigError naming the setting whose path cannot be read
 */
export function transactionReader(
  paths: Paths,
  rates: ReadonlyMap<string, number>,
  lists: Lists,
): (record: StreamRecord) => Transaction {
  const amountOf = numberReader(paths.amount, "Amount", 0, MOST);
  const timeOf = timeReader(paths.time);
  const currencyOf = nameReader(paths.currency, "Currency");
  const countryOf = nameReader(paths.country, "Country");
  const categoryOf = nameReader(paths.category, "Category");
  const placeOf = placeReader(paths);
  const listedOf = listedReader(paths.listed, lists);
  return (record) => {
    const money = amountOf(record);
    if (money === undefined)
      throw new Rejected(`Amount: ${paths.amount} is missing in this record; it must be a number from 0`);
    const currency = currencyOf(record);
    const rate = currency === undefined ? 1 : rates.get(currency);
    const country = countryOf(record);
    const category = categoryOf(record);
    const place = placeOf(record);
    const feedback = feedbackOf(record);
    const listed = feedback ? undefined : listedOf(record);
    return {
      time: timeOf(record),
      ...(rate === undefined ? { unratedCurrency: currency as string } : { amount: money * rate }),
      ...(country !== undefined && { country }),
      ...(category !== undefined && { category }),
      ...(place && { place }),
      ...(listed && { listed }),
      ...(feedback && { feedback }),
    };
  };
}

const NEVER: Read = () => undefined;
const readerOf = (path: string, setting: string): Read => (path.trim() === "" ? NEVER : compilePath(path, setting));

/** Numbers, and numbers in text as CSV has them; undefined for null and where it is missing. */
function numberReader(
  path: string,
  setting: string,
  min: number,
  max: number,
): (record: unknown) => number | undefined {
  const read = readerOf(path, setting);
  return (record) => {
    const found = read(record);
    if (found === undefined || found === null || found === "") return undefined;
    const value = typeof found === "string" && found.trim() !== "" ? Number(found) : found;
    if (typeof value === "number" && Number.isFinite(value) && value >= min && value <= max) return value;
    throw new Rejected(
      `${setting}: ${path} is ${describe(found)} in this record; it must be a number from ${min} to ${max}`,
    );
  };
}

function timeReader(path: string): (record: unknown) => number {
  const read = readerOf(path, "Time");
  const asTime = timeAt(path);
  return (record) => {
    const found = read(record);
    const time = asTime(found);
    if (!Number.isNaN(time)) return time;
    throw new Rejected(
      `Time: ${path} is ${describe(found)} in this record; it must be when the transaction was made, in ms since 1970 or ISO 8601`,
    );
  };
}

/** Text, numbers and booleans as text, cut to what is kept; undefined for null, "" and where it is missing. */
function nameReader(path: string, setting: string): (record: unknown) => string | undefined {
  const read = readerOf(path, setting);
  return (record) => {
    const found = read(record);
    if (found === undefined || found === null || found === "") return undefined;
    if (typeof found === "object" || typeof found === "symbol")
      throw new Rejected(`${setting}: ${path} is ${describe(found)} in this record; it must be text or a number`);
    return String(found).slice(0, LONGEST_NAME);
  };
}

/** A place needs both coordinates: card payments have them, payments in the net have none. */
function placeReader(paths: Paths): (record: unknown) => Place | undefined {
  const latitudeOf = numberReader(paths.latitude, "Latitude", -90, 90);
  const longitudeOf = numberReader(paths.longitude, "Longitude", -180, 180);
  return (record) => {
    const latitude = latitudeOf(record);
    const longitude = longitudeOf(record);
    return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
  };
}

function listedReader(paths: readonly string[], lists: Lists): (record: unknown) => Listed | undefined {
  const readers = paths.map((path) => readerOf(path, "Listed values"));
  return (record) => {
    let allowed: Listed | undefined;
    for (const read of readers) {
      const found = read(record);
      if (typeof found !== "string" && typeof found !== "number") continue;
      const value = String(found);
      const list = lists(value);
      if (list === "deny") return { list, value };
      if (list === "allow") allowed ??= { list, value };
    }
    return allowed;
  };
}

/** Of `msg.action` and `msg.verdict`. */
function feedbackOf(record: StreamRecord): Feedback | undefined {
  if (record["action"] !== "feedback") return undefined;
  const verdict = record["verdict"];
  const found = FEEDBACK.find((one) => one === verdict);
  if (found) return found;
  throw new Rejected(`Feedback: msg.verdict is ${describe(verdict)}; it must be "legitimate" or "fraud"`);
}
