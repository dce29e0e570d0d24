/** The files that grow now, within bounds of number and memory. */
import type { OpenFile } from "./open-file";
import type { Place } from "./place";
import { type RotationLimits, deadline, due, type RotationReason } from "./rotation";

export interface Bounds {
  /** Bytes that may wait in memory before the largest file is published early. */
  readonly memory: number;
  /** Records likewise: each keeps its message. */
  readonly records: number;
  /** Files that may grow at the same time. */
  readonly files: number;
}

/** Growing files with one timer for all of them. */
export class GrowingFiles {
  private readonly open = new Map<OpenFile, Place>();
  private bytes = 0;
  private records = 0;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;

  /** @param rotate publishes a file that is due */
  constructor(
    private readonly limits: RotationLimits,
    private readonly bounds: Bounds,
    private readonly rotate: (file: OpenFile, place: Place, reason: RotationReason) => void,
  ) {}

  begin(place: Place, file: OpenFile): void {
    while (this.open.size >= this.bounds.files) this.publishFirst((a, b) => a.touched < b.touched, "files");
    this.open.set(file, place);
    place.file = file;
  }

  /** After records went into a file: it is published when it is due, or when there is too much in memory. */
  grown(file: OpenFile, size: number, records: number): void {
    this.bytes += size;
    this.records += records;
    const reason = due(file, this.limits, file.touched);
    if (reason) this.publish(file, reason);
    else this.wakeAt(deadline(file, this.limits));
    while (this.open.size > 0 && (this.bytes > this.bounds.memory || this.records > this.bounds.records))
      this.publishFirst((a, b) => a.bytes > b.bytes, "memory");
  }

  publish(file: OpenFile, reason: RotationReason): void {
    const place = this.drop(file);
    if (place && file.records > 0) this.rotate(file, place, reason);
  }

  publishAll(reason: RotationReason): void {
    for (const file of this.open.keys()) this.publish(file, reason);
  }

  /** Takes a file out without publishing it. */
  drop(file: OpenFile): Place | undefined {
    const place = this.open.get(file);
    if (!place) return undefined;
    this.open.delete(file);
    this.bytes -= file.bytes;
    this.records -= file.records;
    if (place.file === file) place.file = undefined;
    return place;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.timerAt = 0;
  }

  private publishFirst(before: (a: OpenFile, b: OpenFile) => boolean, reason: RotationReason): void {
    let chosen: OpenFile | undefined;
    for (const file of this.open.keys()) if (!chosen || before(file, chosen)) chosen = file;
    if (chosen) this.publish(chosen, reason);
  }

  private wakeAt(time: number): void {
    if (time >= this.timerAt || time === Infinity) return;
    clearTimeout(this.timer);
    this.timerAt = time;
    this.timer = setTimeout(() => this.wake(), Math.min(2 ** 31 - 1, Math.max(0, time - Date.now())));
  }

  private wake(): void {
    this.timerAt = Infinity;
    const now = Date.now();
    let next = Infinity;
    for (const file of this.open.keys()) {
      const reason = due(file, this.limits, now);
      if (reason) this.publish(file, reason);
      else next = Math.min(next, deadline(file, this.limits));
    }
    this.wakeAt(next);
  }
}
