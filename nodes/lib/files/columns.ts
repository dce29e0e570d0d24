/** Values of a row's columns: numbers, nulls and event time. */
import { ConfigError, Rejected } from "../errors";
import { timeOf } from "../formats/event-time";

export type Values = Record<string, unknown>;

/** Which columns become numbers: those that look like one, or exactly these. */
export type Numbers = "automatic" | readonly string[];

/** A number as machines write it; a leading zero (a postal code, an id) makes it text. */
const NUMBER = /^[+-]?(?:0|[1-9]\d*)?(?:\.\d+)?(?:(?<=\d)[eE][+-]?\d+)?$/u;

/**
 * Makes the values of a row from its texts. Empty texts and `nullWords` become null.
 * @throws Rejected when a chosen number is none
 */
export function valueReader(numbers: Numbers, nullWords: readonly string[]): (name: string, text: string) => unknown {
  const nulls = new Set(nullWords);
  const chosen = numbers === "automatic" ? undefined : new Set(numbers);
  return (name, text) => {
    if (text === "" || nulls.has(text)) return null;
    if (chosen ? !chosen.has(name) : !looksLikeNumber(text)) return text;
    const value = Number(text);
    if (Number.isNaN(value) || text.trim() === "")
      throw new Rejected(`column ${name} is ${JSON.stringify(text)}, not a number`);
    return value;
  };
}

const looksLikeNumber = (text: string): boolean => NUMBER.test(text) && /\d/u.test(text);

/** Minutes that a UTC offset like `+08:00`, `-0330` or `Z` stands for. @throws ConfigError */
export function offsetMinutes(text: string): number {
  const trimmed = text.trim();
  if (trimmed === "" || /^(?:z|utc)$/iu.test(trimmed)) return 0;
  const [, sign, hours, minutes] = /^([+-])(\d{1,2}):?(\d{2})?$/u.exec(trimmed) ?? [];
  if (sign === undefined || Number(hours) > 14 || Number(minutes ?? 0) > 59)
    throw new ConfigError(`UTC offset: "${text}" is none; write for example +09:00`);
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes ?? 0));
}

/**
 * Reads event time, ms since the epoch: from one column (ISO text, or seconds or milliseconds since 1970), or from
 * several that hold year, month, day, hour, minute and second, in this order.
 * @throws Rejected when the columns hold no time; ConfigError at once when there are two columns or more than six
 */
export function timeReader(columns: readonly string[], offset: string): ((values: Values) => number) | undefined {
  const shift = offsetMinutes(offset) * 60_000;
  const [only] = columns;
  if (only === undefined) return undefined;
  if (columns.length === 1) return (values) => timeInColumn(only, values[only], shift);
  if (columns.length < 3 || columns.length > 6)
    throw new ConfigError("Time columns: name one column, or year, month, day, and if they exist hour, minute, second");
  return (values) => {
    const [year = NaN, month = NaN, day = NaN, hour = 0, minute = 0, second = 0] = columns.map((name) =>
      numberIn(values[name]),
    );
    const time = Date.UTC(year, month - 1, day, hour, minute, second) - shift;
    const back = new Date(time + shift);
    if (Number.isNaN(time) || back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day + Math.floor(hour / 24))
      throw new Rejected(
        `columns ${columns.join(", ")} hold no time: ${columns.map((name) => String(values[name])).join(" ")}`,
      );
    return time;
  };
}

const numberIn = (value: unknown): number => (value === null || value === "" ? NaN : Number(value));

function timeInColumn(name: string, value: unknown, shift: number): number {
  const time = timeOf(value);
  if (Number.isNaN(time))
    throw new Rejected(`column ${name} holds no time: ${typeof value === "bigint" ? value : JSON.stringify(value)}`);
  const hasZone = typeof value !== "string" || /(?:Z|[+-]\d{2}:?\d{2})$/iu.test(value) || !value.includes("-");
  return hasZone ? time : time - shift;
}
