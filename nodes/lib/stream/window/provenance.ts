/** Where a window's records came from. */
import type { Mutable } from "../../mutable";
import { isObject } from "../record";
import type { Entry } from "./entry";
import { comparePlaces, compareSources } from "./source-order";

/** A run of one partition or file: the window holds `count` records between `first` and `last`, both included. */
export interface SourceRange {
  readonly topic?: unknown;
  readonly path?: unknown;
  readonly partition?: unknown;
  readonly first: unknown;
  readonly last: unknown;
  readonly count: number;
}

export interface WindowSource {
  readonly kind: unknown;
  readonly ranges: readonly SourceRange[];
}

type Range = Mutable<SourceRange>;

/** The offsets of the records, as one range per partition; undefined when no record says where it came from. */
export function sourceOf(entries: readonly Entry<unknown>[]): WindowSource | undefined {
  const ranges = new Map<string, Range>();
  let kind: unknown;
  let latest: Range | undefined;
  for (const { record } of entries) {
    const { source } = record;
    if (!isObject(source)) continue;
    kind ??= source["kind"];
    const { topic, path, partition, offset } = source;
    if (offset === undefined || offset === null) continue;
    // Mostly all come from one place: its name is not written for each.
    if (!latest || latest.topic !== topic || latest.path !== path || latest.partition !== partition) {
      const name = JSON.stringify([topic, path, partition]);
      latest = ranges.get(name);
      if (!latest) {
        const place = {
          ...(topic !== undefined && { topic }),
          ...(path !== undefined && { path }),
          ...(partition !== undefined && { partition }),
        };
        ranges.set(name, (latest = { ...place, first: offset, last: offset, count: 0 }));
      }
    }
    if (comparePlaces(offset, latest.first) < 0) latest.first = offset;
    if (comparePlaces(offset, latest.last) > 0) latest.last = offset;
    latest.count++;
  }
  if (kind === undefined && ranges.size === 0) return undefined;
  return { kind, ranges: [...ranges.values()].sort((a, b) => compareSources(a, b)) };
}
