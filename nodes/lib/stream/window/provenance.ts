/** Where a window's records came from. */
import { isObject } from "../record";
import type { Entry } from "./entry";
import { compareSources } from "./source-order";

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

/** The offsets of the records, as one range per partition; undefined when no record says where it came from. */
export function sourceOf(entries: readonly Entry<unknown>[]): WindowSource | undefined {
  const ranges = new Map<string, { -readonly [K in keyof SourceRange]: SourceRange[K] }>();
  let kind: unknown;
  for (const { record } of entries) {
    const { source } = record;
    if (!isObject(source)) continue;
    kind ??= source["kind"];
    const { topic, path, partition, offset } = source;
    if (offset === undefined || offset === null) continue;
    const name = JSON.stringify([topic, path, partition]);
    const range = ranges.get(name);
    if (!range) {
      const place = {
        ...(topic !== undefined && { topic }),
        ...(path !== undefined && { path }),
        ...(partition !== undefined && { partition }),
      };
      ranges.set(name, { ...place, first: offset, last: offset, count: 1 });
      continue;
    }
    if (compareSources({ offset }, { offset: range.first }) < 0) range.first = offset;
    if (compareSources({ offset }, { offset: range.last }) > 0) range.last = offset;
    range.count++;
  }
  if (kind === undefined && ranges.size === 0) return undefined;
  return { kind, ranges: [...ranges.values()].sort((a, b) => compareSources(a, b)) };
}
