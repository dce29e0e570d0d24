/** The method that a row names, with its parameters: the row's own, else those below, else sound ones. */
import { ConfigError } from "../../lib/errors";
import { limits, rate, stuck, UNITS } from "../../lib/stream/anomaly/limits";
import type { Method, Thresholds } from "../../lib/stream/anomaly/method";
import { residual } from "../../lib/stream/anomaly/residual";
import { seasonal } from "../../lib/stream/anomaly/seasonal";
import { ewma, windowedZscore, zscore } from "../../lib/stream/anomaly/sigmas";
import { duration } from "../../lib/stream/duration";
import { timeZone } from "../../lib/time-zone";
import type { DetectorSettings, Row } from "./options";
import type { Parameters } from "./parameters";

/** Sigmas where a row says none: at 3, a stream of one reading a minute would raise a false alarm every few hours. */
const SIGMAS = 4;
/** Readings of the same value where a row says none. */
const STUCK = 30;
/** Share of the threshold at which an alarm ends where a row does not say. */
const CLEAR = 0.75;
const MANY = 1_000_000;

/** @throws ConfigError */
export function methodOf(row: Row, settings: DetectorSettings, own: Parameters, setting: string): Method {
  const { method } = row;
  const spread = own.number("spread", 0, 1e100);
  if (method !== "limits" && row.low !== undefined)
    throw new ConfigError(`${setting}: Low is of limits only; leave it empty with ${method}`);
  const learning = () => {
    const memory = own.integer("memory", 2, MANY) ?? settings.memory;
    return { warmup: warmupOf(own, settings, memory, setting), memory, spread };
  };
  switch (method) {
    case "limits":
      return limits(limitsOf(row, setting));
    case "stuck": {
      const readings = row.raise ?? STUCK;
      if (!(Number.isInteger(readings) && readings >= 2))
        throw new ConfigError(`${setting}: Raise at: ${readings} must be a whole number of readings, at least 2`);
      if (row.clear !== undefined)
        throw new ConfigError(
          `${setting}: Clear at is not of stuck values, which clear when they move; leave it empty`,
        );
      return stuck(readings, spread ?? 0);
    }
    case "rate": {
      if (row.raise === undefined)
        throw new ConfigError(`${setting}: Raise at is empty; write the change a ${settings.per} that is too much`);
      const per = own.one("per", Object.keys(UNITS) as (keyof typeof UNITS)[]) ?? settings.per;
      return rate(per, thresholdsOf(row, own, setting));
    }
    case "zscore": {
      const window = own.integer("window", 0, 1000) ?? settings.window;
      const thresholds = thresholdsOf(row, own, setting);
      const warmup = warmupOf(own, settings, window === 0 ? MANY : window, setting);
      if (window === 0) return zscore({ warmup, memory: Infinity, spread }, thresholds);
      return windowedZscore(window, { warmup, memory: settings.memory, spread }, thresholds);
    }
    case "ewma": {
      const lambda = own.number("lambda", 0.001, 1) ?? settings.lambda;
      return ewma(lambda, learning(), thresholdsOf(row, own, setting));
    }
    case "seasonal": {
      const season = own.one("season", ["day", "week"]) ?? settings.season;
      const zone = timeZone(own.text("zone") ?? settings.zone, own.text("zone") ? `${setting}: zone` : "Time zone");
      const memory = own.integer("memory", 2, MANY) ?? settings.slotMemory;
      const warmup = own.integer("least", 2, MANY) ?? settings.slotLeast;
      return seasonal(season, zone, { warmup, memory, spread }, thresholdsOf(row, own, setting));
    }
    case "forecast": {
      const within = own.text("within");
      const target = own.text("target") ?? row.field.trim();
      const horizon = own.text("horizon");
      const options = {
        ...learning(),
        target,
        horizon,
        within: within === undefined ? undefined : duration(within, `${setting}: within`),
      };
      return residual(options, thresholdsOf(row, own, setting));
    }
  }
}

function warmupOf(own: Parameters, settings: DetectorSettings, most: number, setting: string): number {
  const warmup = own.integer("warmup", 2, MANY) ?? settings.warmup;
  if (warmup > most)
    throw new ConfigError(`${setting}: a warm-up of ${warmup} readings never ends with ${most} remembered; shorten it`);
  return warmup;
}

function thresholdsOf(row: Row, own: Parameters, setting: string): Thresholds {
  const raise = row.raise ?? SIGMAS;
  if (!(raise > 0)) throw new ConfigError(`${setting}: Raise at: ${raise} must be above 0`);
  const clear = row.clear ?? CLEAR * raise;
  if (!(clear >= 0 && clear <= raise))
    throw new ConfigError(`${setting}: Clear at: ${clear} must be from 0 to ${raise}, where the alert is raised`);
  return { raise, clear, side: own.one("side", ["both", "above", "below"]) ?? "both" };
}

function limitsOf({ low, raise: high, clear: margin }: Row, setting: string) {
  if (low === undefined && high === undefined)
    throw new ConfigError(`${setting}: Low and Raise at are empty; write at least one limit`);
  if (low !== undefined && high !== undefined && low >= high)
    throw new ConfigError(
      `${setting}: Low ${low} is not below ${high}, where the alert is raised; no value would be good`,
    );
  const width = low !== undefined && high !== undefined ? (high - low) / 2 : Infinity;
  if (margin !== undefined && !(margin >= 0 && margin < width))
    throw new ConfigError(
      `${setting}: Clear at: ${margin} is how far inside the limits a value must be again: at least 0, and less than half their distance`,
    );
  return { low, high, margin };
}
