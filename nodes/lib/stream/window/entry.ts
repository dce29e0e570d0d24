/** A record in windows, and a window that has fired. */
import type { StreamRecord } from "../record";
import { compareSources, sameSource } from "./source-order";

/** A record waiting in windows. `Origin` is whatever brought it (an input message). */
export interface Entry<Origin> {
  readonly key: string;
  /** Event time, ms since the epoch. */
  readonly time: number;
  /** Order of arrival. */
  readonly sequence: number;
  readonly bytes: number;
  readonly record: StreamRecord;
  readonly origin: Origin;
  /** Starts of hopping windows that it has been in and is to be in no more, since they have been sent before a restart. */
  readonly left?: ReadonlySet<number> | undefined;
  /** Windows that still collect with this record in them. */
  open: number;
  /** Windows with this record in them that have not been sent. */
  unsent: number;
}

/**
 * Why a window fired: `time` its end was passed, `count` it was full, `silence` no record came for the set time,
 * `bound` what the node may hold was used up (the rest of this window, if any, fires later).
 */
export type Reason = "time" | "count" | "silence" | "bound";

export interface Fired<Origin> {
  readonly key: string;
  /** First ms of the window; of a count window: its first record's event time. */
  readonly start: number;
  /** First ms after the window; of a count window: its last record's event time. */
  readonly end: number;
  readonly reason: Reason;
  /** By event time: it began before the first records that were seen, or left early, so it may lack some. */
  partial: boolean;
  /** The window's records by (event time, source id), each once. Empty: there is nothing to send. */
  readonly entries: readonly Entry<Origin>[];
  /** All that was in the window: the entries, and repetitions of them. */
  readonly members: readonly Entry<Origin>[];
  /** How many of the members are in no window that still collects. */
  readonly freed: number;
  readonly freedBytes: number;
}

/** By event time, then by the record's id at its source, then by arrival. */
export function compareEntries(a: Entry<unknown>, b: Entry<unknown>): number {
  return a.time - b.time || compareSources(a.record.source, b.record.source) || a.sequence - b.sequence;
}

/**
 * Closes a window's list of records: ordered, and without the repetitions that a source sends again (the same event
 * time and the same coordinates, see {@link sameSource}).
 */
export function fire<Origin>(
  key: string,
  start: number,
  end: number,
  reason: Reason,
  members: Entry<Origin>[],
): Fired<Origin> {
  let [freed, freedBytes] = [0, 0];
  for (const entry of members)
    if (--entry.open === 0) {
      freed++;
      freedBytes += entry.bytes;
    }
  const entries = [...members].sort(compareEntries);
  const repeated = (entry: Entry<Origin>, index: number): boolean => {
    const before = entries[index - 1];
    return before !== undefined && before.time === entry.time && sameSource(before.record.source, entry.record.source);
  };
  const distinct = entries.some(repeated) ? entries.filter((entry, index) => !repeated(entry, index)) : entries;
  return { key, start, end, reason, partial: false, entries: distinct, members, freed, freedBytes };
}
