/** What a completeness check has found. */
import type { Listing } from "./listing";
import type { Gap } from "./runs";
import type { SequenceReport } from "./sequence";
import type { Timeline } from "./timeline";

export interface TimeGap extends Gap {
  readonly key?: string;
}

/** A row that was there before: same time, and same key. */
export interface Duplicate {
  /** ms since the epoch */
  readonly time: number;
  /** Number of the row among all that were counted, from 1. */
  readonly row: number;
  readonly key?: string;
}

export interface Unreadable {
  /** Where it stands: a file and a line, a topic and an offset. */
  readonly place: string;
  readonly reason: string;
}

export interface IntervalReport extends Omit<SequenceReport, "gaps" | "duplicates"> {
  /** ms; 0 when any distance will do. */
  readonly expected: number;
  readonly tolerance: number;
  readonly gaps: Listing<TimeGap>;
  readonly duplicates: Listing<Duplicate>;
  /** Rows of keys beyond those that are followed: neither their interval nor their duplicates are known. */
  readonly notFollowed: number;
}

export interface KeyReport extends SequenceReport {
  readonly key: string;
}

export interface OffsetReport extends SequenceReport {
  readonly topic: string;
  readonly partition: number;
  readonly holes: Listing<Gap>;
  readonly repeated: Listing<number>;
}

export interface CompletenessReport {
  readonly rows: number;
  readonly unreadable: Listing<Unreadable>;
  /** Rows whose time is missing or none; they count for their values only. */
  readonly withoutTime: number;
  readonly columns: readonly { readonly name: string; readonly missing: number }[];
  /** Absent when no time was looked at. */
  readonly interval?: IntervalReport;
  /** By key, those with the most to tell first; at most `listed`. */
  readonly keys?: Listing<KeyReport>;
  /** By partition, where records say where in Kafka they come from. */
  readonly offsets: readonly OffsetReport[];
  /** False when rows came too late to be decided: they may be duplicates, or fill gaps that are counted. */
  readonly exact: boolean;
  /** Nothing missing, nothing twice, nothing unreadable, as far as is known. */
  readonly complete: boolean;
  readonly timeline?: Timeline;
}
