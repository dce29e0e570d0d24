/** States of an old file of which little is still in use: they are written again with later checkpoints, a few with each. */
import type { Segment } from "./segment";

/** Where a key's state lies. */
export interface Place {
  readonly segment: Segment;
  readonly at: number;
  readonly size: number;
  readonly time: number;
}

export interface Carried {
  readonly key: string;
  readonly bytes: Buffer;
  readonly time: number;
}

/** States carried with one checkpoint. */
const MOST = 1000;

export class Carrying {
  /** Keys of the oldest file that may still be in use there. */
  private from: { readonly segment: Segment; readonly keys: string[] } | undefined;

  /**
   * The next states of the oldest file.
   * @param states those that the checkpoint has anyway
   * @param gone keys that have no state after it
   */
  next(
    oldest: Segment,
    index: ReadonlyMap<string, Place>,
    states: ReadonlyMap<string, unknown>,
    gone: ReadonlySet<string>,
  ): Carried[] {
    if (this.from?.segment !== oldest)
      this.from = {
        segment: oldest,
        keys: [...index].flatMap(([key, { segment }]) => (segment === oldest ? [key] : [])),
      };
    const { keys } = this.from;
    const found: Carried[] = [];
    const later: string[] = [];
    while (found.length < MOST) {
      const key = keys.pop();
      if (key === undefined) break;
      const place = index.get(key);
      if (place?.segment !== oldest || gone.has(key)) continue;
      // Where this checkpoint fails, it is still to be carried.
      later.push(key);
      if (states.has(key)) continue;
      found.push({ key, bytes: oldest.read(place.at, place.size), time: place.time });
    }
    keys.unshift(...later);
    return found;
  }
}
