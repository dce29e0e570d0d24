/** Times as text in a time zone, by patterns. */
import type * as Luxon from "../../vendor/luxon";
import { ConfigError, Rejected } from "./errors";
import { lazily } from "./lazily";

const luxon = lazily(() => require("../../vendor/luxon") as typeof Luxon);

/** The latest time that a Date can hold, ms. */
const LAST = 8.64e15;

/**
 * The name of a time zone as `Intl` and luxon take it.
 * @param text `UTC`, a place such as `Asia/Seoul`, or an offset such as `+09:00`; empty: UTC
 * @throws ConfigError
 */
export function timeZone(text: string, setting: string): string {
  const name = text.trim();
  if (name === "" || /^(?:utc|z)$/iu.test(name)) return "UTC";
  const [, sign, hours, minutes = "00"] = /^([+-])(\d{1,2}):?(\d{2})?$/u.exec(name) ?? [];
  if (sign !== undefined && Number(hours) <= 14 && Number(minutes) < 60)
    return `${sign}${hours?.padStart(2, "0")}:${minutes}`;
  if (sign === undefined && luxon().IANAZone.isValidZone(name)) return name;
  throw new ConfigError(`${setting}: "${text}" is no time zone; write for example Asia/Seoul, UTC or +09:00`);
}

/** What a pattern may hold: letters that stand for a part of the time (Unicode's, as in Java), and texts in quotes. */
const PATTERN =
  /^(?:(?:yy){1,2}(?!y)|MM?(?!M)|dd?(?!d)|HH?(?!H)|mm?(?!m)|ss?(?!s)|ooo(?!o)|kkkk(?!k)|WW(?!W)|q(?!q)|'[^']*'|[^A-Za-z'])+$/u;
/** Texts of minutes that are remembered. */
const REMEMBERED = 1_000;

/**
 * Writes times by a pattern: `yyyy` year, `MM` month, `dd` day, `HH` hour (00–23), `mm` minute, `ss` second, `ooo` day of
 * the year, `kkkk` and `WW` ISO week, `q` quarter; `'dt'` is the text dt.
 * @param zone see {@link timeZone}
 * @returns the text of a time in ms since the epoch; throws Rejected when that is none
 * @throws ConfigError when the pattern holds other letters, or nothing
 */
export function timePattern(pattern: string, zone: string, setting: string): (time: number) => string {
  if (!PATTERN.test(pattern))
    throw new ConfigError(
      `${setting}: "${pattern}" is no pattern of a time; write for example yyyy-MM-dd or HH, and texts in quotes: 'year'yyyy`,
    );
  const isFine = /s/u.test(pattern.replace(/'[^']*'/gu, ""));
  const { DateTime, FixedOffsetZone, IANAZone } = luxon();
  const luxonZone = /^[+-]/u.test(zone) ? FixedOffsetZone.parseSpecifier(`UTC${zone}`) : IANAZone.create(zone);
  // Zones are costly to ask, and offsets change at whole minutes.
  const unit = isFine ? 1_000 : 60_000;
  const known = new Map<number, string>();
  return (time) => {
    if (!(Math.abs(time) <= LAST)) throw new Rejected(`${setting}: ${time} is no time`);
    const bucket = Math.floor(time / unit);
    let text = known.get(bucket);
    if (text === undefined) {
      if (known.size >= REMEMBERED) known.clear();
      text = DateTime.fromMillis(bucket * unit, { zone: luxonZone ?? "UTC", locale: "en-US" }).toFormat(pattern);
      known.set(bucket, text);
    }
    return text;
  };
}
