/** Durations as people write them: `500 ms`, `60 s`, `5 min`, `1 h`, `1 d`. */
import { ConfigError } from "../errors";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** For a text field's `pattern`. */
export const DURATION = "-?\\d+(\\.\\d+)?\\s*(ms|s|m|min|h|d)|0";

/** Milliseconds. Throws a ConfigError that names the setting. */
export function duration(text: string, setting: string): number {
  const match = /^(-?\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)$/.exec(text.trim());
  if (text.trim() === "0") return 0;
  if (!match)
    throw new ConfigError(`${setting}: "${text}" is not a duration; write for example 500 ms, 60 s, 5 min, 1 h or 1 d`);
  return Math.round(Number(match[1]) * (UNITS[match[2] ?? ""] ?? NaN));
}

/** The same, 0 or more. */
export function notNegative(text: string, setting: string): number {
  const ms = duration(text, setting);
  if (ms < 0) throw new ConfigError(`${setting}: ${text} is negative`);
  return ms;
}
