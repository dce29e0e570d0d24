/** One assigned partition: what of it is in the flow, and what may be committed. */
import type { DeliverySource, Message, Tenure } from "../../lib/delivery/contract";
import { LowWaterMark, type Positions, type SpanLimit } from "../../lib/delivery/low-water-mark";
import { asError } from "../../lib/errors";
import { PackedRecords } from "../../lib/kafka/packed-records";
import type { FetchedRecord } from "../../lib/kafka/port";
import type { DamagedBatch } from "../../lib/kafka/record-batch";
import { messageOf, type Origin } from "./decode";
import {
  BatchEmission,
  canStayUnread,
  decodeRun,
  RecordEmission,
  type DecodedRun,
  type EmissionOwner,
  type EmissionSettings,
  type PlacedEmission,
} from "./emission";
import { Room } from "./room";

export interface Surroundings extends EmissionSettings {
  readonly source: Pick<DeliverySource, "deliver" | "running" | "pressure">;
  readonly span: SpanLimit;
  /** Offsets are committed before their records are given to the flow, and no record is sent again. */
  readonly once?: boolean;
  /** Writes dead letters of records that can't be decoded; goes on trying until they are durable. */
  bury(records: readonly { readonly record: FetchedRecord; readonly error: Error }[], origin: Origin): Promise<void>;
  /** The mark moved: there is something to commit. */
  moved(records: number): void;
  /** As `EmissionOwner` has them. */
  forgotten?(): boolean;
  late?(): void;
}

/** Messages that are decoded at once after one that was not has been read: flows that read one read the others too. */
const READ_AGAIN = 100;

/** Bytes that a fetch may bring beyond the records that fit: what frames them, and some records too many. */
const FRAMES = 64 * 1024;
/** What goes to the flow of some records, and in which form. */
type LookedAt = Pick<DecodedRun, "undecodable" | "bytes"> & {
  readonly good: PackedRecords;
  readonly elements: Message[] | "unread";
};

/** A damaged batch as the record that its dead letter holds. */
export const recordOfDamaged = ({ offset, bytes }: DamagedBatch): FetchedRecord => {
  const value = Buffer.from(bytes);
  return { offset, timestamp: Date.now(), key: null, value, headers: undefined, size: value.length };
};

/** A partition under one assignment, as the intake feeds it. */
export interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly epoch: number;
  /** The offset after the last record that was handed to the flow, at first of what was fetched; undefined before that. */
  readonly next: number | undefined;
  /** The offset to commit, when it is not committed yet. */
  readonly committable: number | undefined;
  committed: number | undefined;
  /** At most once: the offset up to which records were committed before they are given to the flow. */
  claimed?: number | undefined;
  highWatermark: number;
  asleep: boolean;
  /** Bytes for which it has room, while the flow has not been seen to make room as fast as records come. */
  readonly wanted?: number | undefined;
  /** What was fetched could not all be taken for want of room. */
  overfed?(): void;
  readonly hasRoom: boolean;
  readonly unfinished: number;
  readonly lag: number;
  origin(): Origin;
  /** Why it stands still until the user acts. */
  stuck: DamagedBatch | undefined;
  /** Buries a damaged batch with its bytes and goes on behind it. */
  pass(damaged: DamagedBatch): void;
  /** False once for what was fetched before a seek and comes after it. */
  expects(offset: number): boolean;
  /** Goes on at an offset that was passed over and not given to the flow. */
  returnTo?(offset: number): void;
  /** Resolves when there may be room again. */
  room(): Promise<void>;
  wake(): void;
  emit(records: readonly FetchedRecord[]): void;
  /** The same of records of which nothing need be known before; absent where it is. */
  readonly emitPacked?: ((records: PackedRecords) => void) | undefined;
  skip(next: number): void;
  /** Goes on under another epoch where it was. False when it can't. */
  keep(epoch: number): boolean;
  /** Before its committed offset is read. */
  begin?(): Promise<void>;
  /** It closes or moves: what is in the flow may still finish. */
  leaving?(): void;
  /** What is not finished now comes again. */
  left?(): Promise<void>;
}

export type MakePartition = (
  each: { readonly topic: string; readonly partition: number },
  epoch: number,
  from?: number,
  tenure?: Tenure,
) => AssignedPartition;

export class Partition implements EmissionOwner, AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  next: number | undefined;
  committed: number | undefined;
  claimed: number | undefined;
  /** Offset after the partition's last record, as the last fetch saw it. */
  highWatermark = 0;
  /** Fetching is paused because there was no room for a while. */
  asleep = false;
  private readonly mark: LowWaterMark;
  private known: Origin;
  private readonly change = new Room();
  /** So many messages are still to be decoded at once. */
  private toRead = 0;
  /** Records that were given to the flow since there was no room. */
  private taken = 0;
  readonly emitPacked: ((records: PackedRecords) => void) | undefined;

  constructor(
    private readonly surroundings: Surroundings,
    { topic, partition }: { topic: string; partition: number },
    public epoch: number,
    /** Where the user wants it to go on; absent: where the group has committed. */
    private sought?: number,
    readonly tenure?: Tenure,
  ) {
    this.next = sought;
    this.topic = topic;
    this.partition = partition;
    this.mark = new LowWaterMark(surroundings.span);
    this.known = { topic, partition, epoch, group: surroundings.group };
    const { mode, decoders } = surroundings;
    if (mode === "batch" && decoders.isReadable && !decoders.prepare)
      this.emitPacked = (records) => this.emitBatch(records);
  }

  get once(): boolean {
    return this.surroundings.once ?? false;
  }
  get hasRoom(): boolean {
    return !this.mark.paused;
  }
  overfed(): void {
    this.taken = 0;
  }
  get wanted(): number | undefined {
    // Whatever is fetched in vain stays in memory as long as records that came with it.
    return this.taken > 2 * this.surroundings.span.records ? undefined : (this.mark.room ?? 0) + FRAMES;
  }
  get unfinished(): number {
    return this.mark.unfinished;
  }
  /** The offset to commit, when it is not committed yet. */
  get committable(): number | undefined {
    const { mark } = this.mark;
    return mark !== undefined && (this.committed === undefined || mark > this.committed) ? mark : undefined;
  }
  get lag(): number {
    return Math.max(0, this.highWatermark - (this.next ?? this.highWatermark));
  }

  /** False once for what was fetched before a seek and comes after it. */
  expects(offset: number): boolean {
    const isStale = this.sought !== undefined && this.sought !== offset;
    this.sought = undefined;
    if (!isStale) this.next ??= offset;
    return !isStale;
  }

  returnTo(offset: number): void {
    this.sought = this.next = offset;
  }

  /** Why it stands still until the user acts. */
  stuck: DamagedBatch | undefined;

  /** Buries a damaged batch with its bytes and goes on behind it. */
  pass(damaged: DamagedBatch): void {
    const { offset, nextOffset } = damaged;
    const record = recordOfDamaged(damaged);
    const entry = this.delivered(offset, nextOffset, nextOffset - offset, record.size);
    void this.surroundings.bury([{ record, error: damaged }], this.origin()).then(() => this.finished(entry));
  }

  room(): Promise<void> {
    return this.change.wait();
  }
  wake(): void {
    this.change.look();
  }

  /** Hands records to the flow, in one message. */
  emit(records: readonly FetchedRecord[]): void {
    if (this.surroundings.mode === "record") for (const record of records) this.emitOne(record);
    else this.emitBatch(new PackedRecords(records), records);
  }

  /** @param all the same records, where they are at hand */
  private emitBatch(records: PackedRecords, all?: readonly FetchedRecord[]): void {
    const { length } = records;
    if (length === 0) return;
    const { decoders, source } = this.surroundings;
    const origin = this.origin();
    const { good, elements, undecodable, bytes } = this.look(records, all, origin);
    const entry = this.delivered(records.offset(0), records.offset(length - 1) + 1, length, bytes);
    let parts = (good.length > 0 ? 1 : 0) + (undecodable.length > 0 ? 1 : 0);
    const finished = (): void => {
      if (--parts === 0) this.finished(entry);
    };
    if (undecodable.length > 0) void this.surroundings.bury(undecodable, origin).then(finished);
    if (good.length === 0) return;
    const emission = new BatchEmission(this, entry, good, bytes, origin, decoders, elements);
    source.deliver(emission, (verdict) => {
      if (verdict === "delivered") emission.delivered();
      // Abandoned: it comes again, so it stays unfinished here.
      if (verdict !== "abandoned") finished();
    });
  }

  /** Decodes what the flow will read, and only looks at what it may leave unread. */
  private look(records: PackedRecords, all: readonly FetchedRecord[] | undefined, origin: Origin): LookedAt {
    const { decoders } = this.surroundings;
    if (this.toRead > 0) this.toRead--;
    else if (canStayUnread(records, decoders))
      return { good: records, elements: "unread", undecodable: [], bytes: records.size };
    const run = decodeRun(all ?? records.all(), origin, decoders);
    return { ...run, good: run.undecodable.length === 0 ? records : new PackedRecords(run.good) };
  }

  read(): void {
    this.toRead = READ_AGAIN;
  }

  forgotten(): boolean {
    return this.surroundings.forgotten?.() ?? false;
  }

  late(): undefined {
    this.surroundings.late?.();
  }

  private emitOne(record: FetchedRecord): void {
    const { decoders, source } = this.surroundings;
    const origin = this.origin();
    const entry = this.delivered(record.offset, record.offset + 1, 1, record.size);
    let message: Message;
    try {
      message = messageOf(record, origin, decoders);
    } catch (error) {
      void this.surroundings.bury([{ record, error: asError(error) }], origin).then(() => this.finished(entry));
      return;
    }
    source.deliver(new RecordEmission(this, entry, record, origin, decoders, message), (verdict) => {
      if (verdict !== "abandoned") this.finished(entry);
    });
  }

  private delivered(first: number, next: number, records: number, bytes: number): Positions {
    this.next = next;
    this.taken += records;
    return this.mark.delivered(first, next, records, bytes);
  }

  private finished(entry: Positions): void {
    const { records } = entry;
    if (this.mark.finished(entry)) this.surroundings.moved(records);
    if (this.change.awaited && !this.mark.paused) this.wake();
  }

  /** Offsets without records (transaction markers, compacted ones) up to `next` need no work. */
  skip(next: number): void {
    if (this.next !== undefined && next <= this.next) return;
    const entry = this.mark.delivered(this.next ?? next - 1, next, 0, 0);
    this.next = next;
    if (this.mark.finished(entry)) this.surroundings.moved(0);
  }

  /** Nodes hold `records` more (or fewer) of an emission on purpose. */
  hold(emission: PlacedEmission, records: number): void {
    emission.held += records;
    this.mark.held(emission.entry, emission.held >= emission.records);
    if (!this.mark.paused) this.wake();
  }

  keep(epoch: number): boolean {
    this.epoch = epoch;
    return true;
  }

  origin(): Origin {
    if (this.known.epoch !== this.epoch) this.known = { ...this.known, epoch: this.epoch };
    return this.known;
  }
}
