/** When a growing file is published. Pure arithmetic; times are ms since the epoch. */

export interface RotationLimits {
  readonly records: number;
  /** Before compression. */
  readonly bytes: number;
  /** Longest time from the first record to publication, in ms. */
  readonly age: number;
  /** Published when nothing came for so long, in ms; 0: only by the other limits. */
  readonly idle: number;
}

export interface FileState {
  readonly records: number;
  readonly bytes: number;
  /** When the first record came. */
  readonly opened: number;
  /** When the latest record came. */
  readonly touched: number;
}

export type RotationReason =
  "records" | "bytes" | "age" | "idle" | "columns" | "pressure" | "memory" | "files" | "close";

/** Why a file is due now; undefined while it is not. */
export function due(file: FileState, limits: RotationLimits, now: number): RotationReason | undefined {
  if (file.records >= limits.records) return "records";
  if (file.bytes >= limits.bytes) return "bytes";
  if (now >= file.opened + limits.age) return "age";
  if (limits.idle > 0 && now >= file.touched + limits.idle) return "idle";
  return undefined;
}

/** When a file will be due if no more records come. */
export const deadline = (file: FileState, limits: RotationLimits): number =>
  Math.min(file.opened + limits.age, limits.idle > 0 ? file.touched + limits.idle : Infinity);
