/** Values of Avro and Parquet files as records have them: what a sink takes for the same value, exact. */

export type Unit = "millis" | "micros" | "nanos";

/** A number where it is exact, else a bigint. */
export const exact = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

const perMilli: Readonly<Record<Unit, bigint>> = { millis: 1n, micros: 1_000n, nanos: 1_000_000n };
const digits: Readonly<Record<Unit, number>> = { millis: 3, micros: 6, nanos: 9 };

/** The largest time that JavaScript's dates have, in ms. */
const LAST_DATE = 8.64e15;

/**
 * A time since 1970. What Date can hold is a Date: milliseconds of an instant. Finer ones are ISO text with all their
 * digits; times without a zone are text without one. What lies outside of every calendar stays the number it is.
 */
export function timeSince(value: number | bigint, unit: Unit, isLocal: boolean): Date | string | number | bigint {
  const ticks = BigInt(value);
  const per = perMilli[unit];
  let millis = ticks / per;
  if (millis * per > ticks) millis -= 1n;
  if (millis > LAST_DATE || millis < -LAST_DATE) return exact(ticks);
  const date = new Date(Number(millis));
  if (unit === "millis" && !isLocal) return date;
  const beyond = unit === "millis" ? "" : String(ticks - millis * per).padStart(digits[unit] - 3, "0");
  return `${date.toISOString().slice(0, -1)}${beyond}${isLocal ? "" : "Z"}`;
}

const MS_PER_DAY = 86_400_000;

/** A day since 1970 as `2026-05-01`. */
export function dayText(days: number): string | number {
  const time = days * MS_PER_DAY;
  return Math.abs(time) > LAST_DATE ? days : (new Date(time).toISOString().split("T")[0] ?? "");
}

/** A time of day as `09:00:00.123`. */
export function timeOfDay(value: number | bigint, unit: Unit): string | number | bigint {
  const size = digits[unit];
  const perSecond = 10n ** BigInt(size);
  const ticks = BigInt(value);
  const seconds = Number(ticks / perSecond);
  if (ticks < 0n || seconds > 86_400) return exact(ticks);
  const two = (number: number): string => String(Math.floor(number)).padStart(2, "0");
  const whole = `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${whole}.${String(ticks % perSecond).padStart(size, "0")}`;
}

/** Digits that any double keeps. */
const SURE = 15;

/** A decimal: a number where numbers keep all the digits that its precision allows, else its digits. */
export function decimalValue(unscaled: bigint, precision: number, scale: number): number | string {
  const isNegative = unscaled < 0n;
  const all = String(isNegative ? -unscaled : unscaled).padStart(scale + 1, "0");
  const point = all.length - scale;
  const text = `${isNegative ? "-" : ""}${all.slice(0, point)}${scale > 0 ? `.${all.slice(point)}` : ""}`;
  return precision <= SURE ? Number(text) : text;
}

/** Two's complement, big end first. */
export function unscaledOf(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
}
