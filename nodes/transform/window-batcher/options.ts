/** What the settings mean for windows and for what they become. */
import { ConfigError } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import { duration, notNegative } from "../../lib/stream/duration";
import { compileNames, parsePath } from "../../lib/stream/path";
import type { Feature, GapRule } from "../../lib/stream/window/shape";
import type { WindowerOptions } from "../../lib/stream/window/windower";
import type { declaration } from "./declaration";

export type WindowSettings = Settings<(typeof declaration)["fields"]>;

/** Longer than the longest delay between a source's tries, by default 30 s. */
const PATIENCE = 60_000;
/** A record lies in so many hopping windows at most. */
const MOST_WINDOWS = 1000;

/** Throws a ConfigError naming the setting. */
export function windowerOptions(settings: WindowSettings): WindowerOptions {
  const { by } = settings;
  const [size, hop] = lengths(settings);
  const event = by === "event" || by === "session";
  return {
    by,
    size,
    hop,
    offset: by === "count" || by === "session" ? 0 : duration(settings.offset, "Shift"),
    disorder: event ? notNegative(settings.disorder, "Disorder") : 0,
    idle: event ? notNegative(settings.idle, "Idle after") : 0,
    partitions: settings.partitions,
    silence: notNegative(settings.silence, "Close when silent"),
    maxRecords: settings.maxRecords,
    maxBytes: settings.maxMegabytes * 1024 * 1024,
    patience: PATIENCE,
  };
}

function lengths(settings: WindowSettings): [size: number, hop: number] {
  if (settings.by === "count") return countShape(settings);
  if (settings.by !== "session") return timeShape(settings);
  const gap = duration(settings.gap, "Gap");
  if (gap < 1) throw new ConfigError(`Gap: ${settings.gap} is shorter than 1 ms`);
  return [gap, gap];
}

function timeShape(settings: WindowSettings): [size: number, hop: number] {
  const size = duration(settings.size, "Length");
  const hop = settings.hop.trim() === "" ? size : duration(settings.hop, "Every");
  if (size < 1) throw new ConfigError(`Length: ${settings.size} is shorter than 1 ms`);
  checkHop(size, hop, settings.hop);
  return [size, hop];
}

function countShape({ records, recordsHop, kept }: WindowSettings): [size: number, hop: number] {
  const hop = recordsHop ?? records;
  checkHop(records, hop, String(hop));
  if (kept === "disk" && hop < records)
    throw new ConfigError(
      "Every (records): windows by number of records that overlap can't be kept on disk; leave it empty, or let the source keep the records",
    );
  return [records, hop];
}

function checkHop(size: number, hop: number, written: string): void {
  if (hop < 1) throw new ConfigError(`Every: ${written} is too short; windows would never move on`);
  if (hop > size)
    throw new ConfigError(`Every: ${written} is longer than the window, so records between windows would be in none`);
  if (size / hop > MOST_WINDOWS)
    throw new ConfigError(
      `Every: ${written} puts each record into ${Math.ceil(size / hop)} windows; at most ${MOST_WINDOWS}`,
    );
}

/** Names what records on disk were kept for: other settings begin anew. What windows become may change freely. */
export const formatOf = (settings: WindowSettings): string => {
  const { by, gap, size, hop, records, offset, key, time } = settings;
  const of = {
    event: { size, hop, offset, time },
    session: { gap, time },
    processing: { size, hop, offset },
    count: { records },
  };
  return JSON.stringify({ windows: 2, by, key, ...of[by] });
};

/** What a node is asked for. */
export interface WindowsAsked {
  readonly windows: WindowerOptions;
  readonly shape: Shape;
  /** Whether late records have a wire; without one they fail. */
  readonly lateIsWired: boolean;
}

export interface Shape {
  readonly emit: WindowSettings["emit"];
  readonly features: readonly Feature[];
  /** 0 to 100 */
  readonly percentiles: readonly number[];
  /** ms; undefined: a row per record. */
  readonly step: number | undefined;
  readonly gaps: GapRule;
}

export function shapeOf(settings: WindowSettings, size: number): Shape {
  const { emit, by } = settings;
  const features = settings.features.map(({ field, as }, index) => {
    const names = parsePath(field, `Features: row ${index + 1}`);
    return { name: as.trim() || names.join("."), read: compileNames(names) };
  });
  const repeated = features.find((one, at) => features.findIndex(({ name }) => name === one.name) < at);
  if (repeated) throw new ConfigError(`Features: "${repeated.name}" has two rows; name one of them differently`);
  if (features.length === 0 && (emit === "matrix" || emit === "aggregates"))
    throw new ConfigError(`Features: name the fields that the ${emit} ${emit === "matrix" ? "is" : "are"} made of`);
  const gridded = (emit === "columns" || emit === "matrix") && settings.step.trim() !== "";
  const step = gridded ? duration(settings.step, "Step") : undefined;
  if (step !== undefined) {
    if (by === "count" || by === "session")
      throw new ConfigError(
        `Step: ${by === "count" ? "windows by number of records" : "sessions"} have a row per record; leave it empty`,
      );
    if (features.length === 0) throw new ConfigError("Features: name the fields that are put on the grid");
    if (step < 1 || size % step !== 0)
      throw new ConfigError(`Step: the length ${settings.size} is not a whole number of steps of ${settings.step}`);
    if (size / step > 1_000_000) throw new ConfigError(`Step: ${size / step} rows a window are too many`);
  }
  const percentiles = emit === "aggregates" ? percentilesOf(settings.percentiles) : [];
  return { emit, features, percentiles, step, gaps: { fill: settings.fill, limit: settings.fillLimit } };
}

function percentilesOf(written: string): number[] {
  return written
    .split(/[\s,;]+/)
    .filter((one) => one !== "")
    .map((one) => {
      const percent = Number(one.replace(/^p/iu, ""));
      if (!(percent >= 0 && percent <= 100)) throw new ConfigError(`Percentiles: ${one} is none from 0 to 100`);
      return percent;
    });
}
