/** Where records of one lane and one directory gather. */
import type { RecordFormat } from "../formats/record-format";
import { digest } from "./directory";
import { laneFolder } from "./fence";
import type { LaneWriter } from "./lane";
import type { OpenFile } from "./open-file";
import type { RotationReason } from "./rotation";
import { StoredOffsets } from "./stored";
import type { Store } from "./store";
import type { Ticket } from "../ticket";
import type { UnreadRecords } from "../unread";

/** Where a record came from, as `msg.source` of kafka-in says. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly group?: string | undefined;
}

export interface LakeRecord {
  readonly value: unknown;
  /** The value is bytes, of which is known that they are JSON text on one line. */
  readonly isLine?: boolean;
  readonly directory: string;
  /** Position in its message's batch. */
  readonly index: number;
  readonly origin?: Origin | undefined;
  /** Piece of a split record, when the flow says so. */
  readonly part?: number | undefined;
  /** The record's own time, ms since the epoch, where files are rotated by it. */
  readonly time?: number | undefined;
}

/** Records of one message that follow each other in it and come from one partition into one directory: nobody has read them. */
export interface LakeRun {
  readonly lines: UnreadRecords;
  /** Positions in the message's batch, `to` not included; at least one. */
  readonly from: number;
  readonly to: number;
  readonly directory: string;
  readonly origin: Omit<Origin, "offset">;
  readonly part?: number | undefined;
  /** A record's own time, where files are rotated by it. @throws Rejected when it has none */
  readonly timeOf?: ((at: number) => number | undefined) | undefined;
}

/** One of them by itself. @throws Rejected when it has no time */
export const recordOf = (run: LakeRun, at: number): LakeRecord => {
  const { lines, directory, part } = run;
  const value = lines.value(at);
  return {
    value,
    isLine: value !== null,
    directory,
    index: at,
    origin: { ...run.origin, offset: lines.offset(at) },
    part,
    time: run.timeOf?.(at),
  };
};

/** Records on their way into a file. */
interface Arriving {
  readonly ticket: Ticket;
  /** Delivery token of their message; without one they are not recognised when they come again. */
  readonly token: string | undefined;
  /** Rough size in memory while they wait for their place, in bytes. */
  readonly size: number;
}

export interface Arrival extends Arriving {
  readonly record: LakeRecord;
}

export interface RunArrival extends Arriving {
  readonly run: LakeRun;
}

/** How many records an arrival is. */
export const countOf = (arrival: Arrival | RunArrival): number =>
  "run" in arrival ? arrival.run.to - arrival.run.from : 1;

/** What one node stores of one (group, topic, partition), or of all records without offsets. */
export interface Lane {
  readonly writer: LaneWriter;
  readonly places: Set<Place>;
}

export interface Place {
  readonly key: string;
  readonly lane: Lane;
  readonly directory: string;
  readonly format: RecordFormat;
  readonly origin: { readonly topic: string; readonly partition: number } | undefined;
  readonly stored: StoredOffsets | undefined;
  /** The file that is growing now. */
  file: OpenFile | undefined;
  /** True once the directory is there and what it holds is known; until then arrivals queue. */
  ready: boolean;
  preparing: boolean;
  queue: (Arrival | RunArrival)[];
  /** Why the queue is to be published as soon as it is in a file. */
  hurried: RotationReason | undefined;
  /** Counts up when the lane is lost, so that what was begun before is recognised. */
  generation: number;
  /** Files that hold records of it and are not published yet: the growing one, and those before it. */
  readonly unpublished: Set<OpenFile>;
}

/** Places that are remembered though nothing grows there; beyond it they are looked at again when needed. */
const REMEMBERED_PLACES = 10_000;

/** What decides on the place of a record. */
interface GoesTo {
  readonly directory: string;
  readonly origin?: Omit<Origin, "offset"> | undefined;
}

/** All places of one node, made when a record first goes there. */
export class Places {
  private readonly lanes = new Map<string, Lane>();
  private readonly places = new Map<string, Place>();
  /** Folders of lanes: their digests would be the largest part of what a record costs. */
  private readonly folders = new Map<string, string>();
  /** Where the record before went: mostly the next one goes there too, and no text need be put together to see that. */
  private latest: Place | undefined;
  private latestGroup: string | undefined;

  constructor(
    private readonly store: Store,
    private readonly node: string,
    private readonly format: () => RecordFormat,
    private readonly writerOf: (folder: string) => LaneWriter,
  ) {}

  of(goesTo: GoesTo): Place {
    const { latest } = this;
    const { directory, origin } = goesTo;
    if (latest?.directory === directory && isFrom(latest.origin, origin) && this.latestGroup === origin?.group)
      return latest;
    this.latestGroup = origin?.group;
    return (this.latest = this.find(goesTo));
  }

  private find({ directory, origin }: GoesTo): Place {
    const folder = this.folderOf(origin);
    const key = `${folder} ${directory}`;
    const known = this.places.get(key);
    if (known) return known;
    const lane = this.laneOf(folder);
    const place: Place = {
      key,
      lane,
      directory,
      format: this.format(),
      origin: origin && { topic: origin.topic, partition: origin.partition },
      stored: origin && new StoredOffsets(this.store, directory, origin.topic, origin.partition, digest(this.node)),
      file: undefined,
      ready: false,
      preparing: false,
      queue: [],
      hurried: undefined,
      generation: 0,
      unpublished: new Set(),
    };
    lane.places.add(place);
    this.places.set(key, place);
    if (this.places.size > REMEMBERED_PLACES) this.forget();
    return place;
  }

  all(): Iterable<Place> {
    return this.places.values();
  }

  private folderOf(origin: GoesTo["origin"]): string {
    const lane = origin ? `${origin.partition}\u0000${origin.topic}\u0000${origin.group ?? ""}` : "";
    let folder = this.folders.get(lane);
    if (folder === undefined) this.folders.set(lane, (folder = laneFolder({ node: this.node, ...origin })));
    return folder;
  }

  private laneOf(folder: string): Lane {
    let lane = this.lanes.get(folder);
    if (!lane) this.lanes.set(folder, (lane = { writer: this.writerOf(folder), places: new Set() }));
    return lane;
  }

  /** Drops the places that were made first and have nothing to do. */
  private forget(): void {
    for (const [key, place] of this.places) {
      if (this.places.size <= REMEMBERED_PLACES / 2) return;
      if (place.file || place.preparing || place.queue.length > 0 || place.unpublished.size > 0) continue;
      this.places.delete(key);
      place.lane.places.delete(place);
      if (this.latest === place) this.latest = undefined;
    }
  }
}

const isFrom = (partition: Place["origin"], origin: GoesTo["origin"]): boolean =>
  partition?.partition === origin?.partition && partition?.topic === origin?.topic;
