/** Event time of a CSV cell, without making a text of it where it is written as machines mostly do. */
import { cellText, ESCAPED, type Cells } from "./csv-scan";
import { offsetMinutes, timeReader } from "./columns";

const ZERO = 48;
const DASH = 45;
const COLON = 58;
/** Numbers below it are seconds, above it milliseconds since 1970, as in formats/event-time. */
const LARGEST_SECONDS = 1e11;

/** What two bytes that are no digits count for: far below any sum of digits. */
const NO_DIGITS = -1e9;

const two = (bytes: Buffer, at: number): number => {
  const tens = ((bytes[at] as number) - ZERO) | 0;
  const ones = ((bytes[at + 1] as number) - ZERO) | 0;
  return tens >>> 0 > 9 || ones >>> 0 > 9 ? NO_DIGITS : tens * 10 + ones;
};

/**
 * Reads times as file-in does: ISO 8601, or seconds or milliseconds since 1970; ms since the epoch, NaN for what is none.
 *
 * @param utcOffset of times that do not say theirs
 * @throws ConfigError when the offset is none
 */
export function timeCell(utcOffset: string): (cells: Cells, cell: number) => number {
  const shift = offsetMinutes(utcOffset) * 60_000;
  const slow = timeReader(["time"], utcOffset);
  let lastDate = -1;
  let lastDay = NaN;

  /** Midnight of a date as year · 10,000 + month · 100 + day; NaN when there is no such day. */
  const dayOf = (date: number): number => {
    const [year, month, day] = [Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100];
    const time = Date.UTC(year, month - 1, day);
    const back = new Date(time);
    lastDate = date;
    lastDay = year >= 100 && back.getUTCMonth() === month - 1 && back.getUTCDate() === day ? time : NaN;
    return lastDay;
  };

  /** `yyyy-mm-dd hh:mm:ss`, NaN when there is no such time; undefined when it is written otherwise. */
  const plain = (bytes: Buffer, at: number): number | undefined => {
    const between = bytes[at + 10];
    if (bytes[at + 4] !== DASH || bytes[at + 7] !== DASH || bytes[at + 13] !== COLON || bytes[at + 16] !== COLON)
      return undefined;
    const date =
      two(bytes, at) * 1_000_000 + two(bytes, at + 2) * 10_000 + two(bytes, at + 5) * 100 + two(bytes, at + 8);
    const hour = two(bytes, at + 11);
    const minute = two(bytes, at + 14);
    const second = two(bytes, at + 17);
    if (date < 0 || (hour | minute | second) < 0 || hour > 23 || minute > 59 || second > 59) return undefined;
    if (between !== 32 && between !== 84) return undefined;
    return (date === lastDate ? lastDay : dayOf(date)) + (hour * 3_600 + minute * 60 + second) * 1_000;
  };

  return (cells, cell) => {
    const { bytes, starts, ends, kinds } = cells;
    const [start, end] = [starts[cell] as number, ends[cell] as number];
    const length = end - start;
    if (kinds[cell] !== ESCAPED && (length === 19 || (length === 20 && bytes[end - 1] === 90))) {
      const time = plain(bytes, start);
      if (time !== undefined) return length === 19 ? time - shift : time;
    } else if (length > 0 && length <= 15) {
      let number = 0;
      let at = start;
      for (; at < end; at++) {
        const digit = (bytes[at] as number) - ZERO;
        if (digit >>> 0 > 9) break;
        number = number * 10 + digit;
      }
      if (at === end) return number < LARGEST_SECONDS ? number * 1_000 : number;
    }
    try {
      return slow?.({ time: cellText(cells, cell) }) ?? NaN;
    } catch {
      return NaN;
    }
  };
}
