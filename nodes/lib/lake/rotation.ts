/** When a growing file is published. Pure arithmetic; times are ms since the epoch. */

export interface RotationLimits {
  readonly records: number;
  /** Before compression. */
  readonly bytes: number;
  /** Longest time from the first record to publication, in ms. */
  readonly age: number;
  /** Published when nothing came for so long, in ms; 0: only by the other limits. */
  readonly idle: number;
  /** Longest time between the earliest and the latest record of a file, by the records' own time, in ms. */
  readonly span?: number | undefined;
  /** When all files are published, by the clock: the first such time after `now`. */
  readonly schedule?: ((now: number) => number) | undefined;
}

export interface FileState {
  readonly records: number;
  readonly bytes: number;
  /** When the first record came. */
  readonly opened: number;
  /** When the latest record came. */
  readonly touched: number;
  /** When the schedule publishes it. */
  readonly cut: number;
}

export type RotationReason =
  "records" | "bytes" | "age" | "idle" | "schedule" | "time" | "columns" | "pressure" | "memory" | "files" | "close";

/** Why a file is due now; undefined while it is not. */
export function due(file: FileState, limits: RotationLimits, now: number): RotationReason | undefined {
  if (file.records >= limits.records) return "records";
  if (file.bytes >= limits.bytes) return "bytes";
  if (now >= file.opened + limits.age) return "age";
  if (now >= file.cut) return "schedule";
  if (limits.idle > 0 && now >= file.touched + limits.idle) return "idle";
  return undefined;
}

/** When a file will be due if no more records come. */
export const deadline = (file: FileState, limits: RotationLimits): number =>
  Math.min(file.opened + limits.age, file.cut, limits.idle > 0 ? file.touched + limits.idle : Infinity);

/** Whether a record of this time would spread a file's records over more than `span` ms. */
export const spreads = (
  { earliest, latest }: { readonly earliest: number; readonly latest: number },
  time: number,
  span: number,
): boolean => Math.max(latest, time) - Math.min(earliest, time) > span;
