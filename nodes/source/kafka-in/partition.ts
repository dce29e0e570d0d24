/** One assigned partition: what of it is in the flow, and what may be committed. */
import type { DeliverySource, Emission } from "../../lib/delivery/contract";
import { LowWaterMark, type Positions, type SpanLimit } from "../../lib/delivery/low-water-mark";
import type { FetchedRecord } from "../../lib/kafka/port";
import { emissionOf, type EmissionSettings } from "./emission";
import type { Origin } from "./decode";

export interface Surroundings extends EmissionSettings {
  readonly source: Pick<DeliverySource, "deliver" | "running" | "pressure">;
  readonly span: SpanLimit;
  /** Writes dead letters of records that can't be decoded; goes on trying until they are durable. */
  bury(records: readonly { readonly record: FetchedRecord; readonly error: Error }[], origin: Origin): Promise<void>;
  /** The mark moved: there is something to commit. */
  moved(records: number): void;
}

export class Partition {
  readonly topic: string;
  readonly partition: number;
  /** The offset after the last record that was handed to the flow; undefined before the first. */
  next: number | undefined;
  committed: number | undefined;
  /** Offset after the partition's last record, as the last fetch saw it. */
  highWatermark = 0;
  /** Fetching is paused because there was no room for a while. */
  asleep = false;
  private readonly mark: LowWaterMark;
  private readonly held = new Map<Emission, { entry: Positions; records: number }>();
  private waiting: (() => void)[] = [];

  constructor(
    private readonly surroundings: Surroundings,
    { topic, partition }: { topic: string; partition: number },
    public epoch: number,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.mark = new LowWaterMark(surroundings.span);
  }

  get hasRoom(): boolean {
    return !this.mark.paused;
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

  /** Resolves when there may be room again. */
  room(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Lets those who wait for room look again. */
  wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Hands `records[from…to)` to the flow. `next` is the offset from which to read on when they are all finished. */
  emit(records: readonly FetchedRecord[], from: number, to: number, next: number): void {
    const first = records[from]?.offset ?? next;
    const origin = this.origin();
    const { emission, undecodable } = emissionOf(records, from, to, origin, this.surroundings);
    let bytes = 0;
    for (let i = from; i < to; i++) bytes += records[i]?.size ?? 0;
    const entry = this.mark.delivered(first, next, to - from, bytes);
    this.next = next;
    let parts = (emission ? 1 : 0) + (undecodable.length > 0 ? 1 : 0);
    const finished = (): void => {
      if (--parts > 0) return;
      if (this.mark.finished(entry)) this.surroundings.moved(entry.records);
      if (!this.mark.paused) this.wake();
    };
    if (undecodable.length > 0) void this.surroundings.bury(undecodable, origin).then(finished);
    if (!emission) return;
    this.held.set(emission, { entry, records: 0 });
    this.surroundings.source.deliver(emission, (verdict) => {
      this.held.delete(emission);
      // Abandoned: the record comes again, so it stays unfinished here.
      if (verdict !== "abandoned") finished();
    });
  }

  /** Offsets without records (transaction markers, compacted ones) up to `next` need no work. */
  skip(next: number): void {
    if (this.next !== undefined && next <= this.next) return;
    const entry = this.mark.delivered(this.next ?? next - 1, next, 0, 0);
    this.next = next;
    if (this.mark.finished(entry)) this.surroundings.moved(0);
  }

  /** Nodes hold `records` more (or fewer) of an emission on purpose. Returns whether it is one of this partition. */
  hold(emission: Emission, records: number): boolean {
    const found = this.held.get(emission);
    if (!found) return false;
    found.records += records;
    this.mark.held(found.entry, found.records >= emission.records);
    if (!this.mark.paused) this.wake();
    return true;
  }

  origin(): Origin {
    return { topic: this.topic, partition: this.partition, epoch: this.epoch, group: this.surroundings.group };
  }
}
