/** Records → emissions of the delivery ledger, which can make their messages again for each try. */
import type { Emission, Message, Tenure } from "../../lib/delivery/contract";
import type { Positions } from "../../lib/delivery/low-water-mark";
import { asError } from "../../lib/errors";
import type { PackedRecords } from "../../lib/kafka/packed-records";
import type { FetchedRecord } from "../../lib/kafka/port";
import { unreadPayload } from "../../lib/unread";
import { messageOf, type Decoders, type Origin } from "./decode";

export interface EmissionSettings {
  readonly mode: "record" | "batch";
  readonly group: string;
  readonly decoders: Decoders;
}

export interface Undecodable {
  readonly record: FetchedRecord;
  readonly error: Error;
}

/** An emission that knows its place in its partition. */
export interface PlacedEmission extends Emission {
  readonly owner: EmissionOwner;
  readonly entry: Positions;
  /** Records of it that nodes hold on purpose. */
  held: number;
}

export interface EmissionOwner {
  /** Its emissions are never sent again. */
  readonly once?: boolean;
  /** The offset that its group has committed, as far as is known. */
  readonly committed?: number | undefined;
  readonly tenure?: Tenure | undefined;
  /** Nodes hold `records` more (or fewer) of an emission on purpose. */
  hold(emission: PlacedEmission, records: number): void;
  /** A message that went to the flow unread has been read. */
  read?(): void;
  /** Whether nobody will have a message that is sent now any more once it has been delivered. */
  forgotten?(): boolean;
  /** Such a message was read all the same, after that: it has no payload. */
  late?(): undefined;
}

/** One record a message. The first try takes what was decoded to see whether it can be; flows change messages. */
export class RecordEmission implements PlacedEmission {
  readonly records = 1;
  readonly bytes: number;
  held = 0;
  constructor(
    readonly owner: EmissionOwner,
    readonly entry: Positions,
    private readonly record: FetchedRecord,
    private readonly origin: Origin,
    private readonly decoders: Decoders,
    private first: Message | undefined,
  ) {
    this.bytes = record.size;
  }
  get once(): boolean {
    return this.owner.once ?? false;
  }
  get resumesAt(): number | undefined {
    return this.owner.committed;
  }
  get tenure(): Tenure | undefined {
    return this.owner.tenure;
  }
  message(): Message {
    const message = this.first ?? messageOf(this.record, this.origin, this.decoders);
    this.first = undefined;
    return message;
  }
  originals(): readonly FetchedRecord[] {
    return [this.record];
  }
}

/** The first and the last offset of some records. */
type Span = readonly [first: number | undefined, last: number | undefined];
export const spanOf = (records: readonly FetchedRecord[]): Span => [records[0]?.offset, records.at(-1)?.offset];

export const batchMessage = (elements: Message[] | undefined, [first, last]: Span, origin: Origin): Message => ({
  payload: elements,
  source: {
    kind: "kafka",
    topic: origin.topic,
    partition: origin.partition,
    offset: first,
    lastOffset: last,
    epoch: origin.epoch,
    group: origin.group,
  },
});

/** Many records a message. It goes to the flow unread when its records were not decoded before. */
export class BatchEmission implements PlacedEmission {
  readonly records: number;
  held = 0;
  /** Its one message went to the flow unread, and is forgotten when it is delivered. */
  private passes = false;
  constructor(
    readonly owner: EmissionOwner,
    readonly entry: Positions,
    private readonly packed: PackedRecords,
    readonly bytes: number,
    private readonly origin: Origin,
    private readonly decoders: Decoders,
    private first: Message[] | "unread" | undefined,
  ) {
    this.records = packed.length;
  }
  get once(): boolean {
    return this.owner.once ?? false;
  }
  get resumesAt(): number | undefined {
    return this.owner.committed;
  }
  get tenure(): Tenure | undefined {
    return this.owner.tenure;
  }
  private get span(): Span {
    return [this.packed.offset(0), this.packed.offset(this.records - 1)];
  }
  message(elements?: readonly number[]): Message {
    const { first, origin } = this;
    this.first = undefined;
    this.passes = false;
    if (first && !elements) {
      if (first !== "unread") return batchMessage(first, this.span, origin);
      this.passes = this.forgotten;
      return this.unread();
    }
    const chosen = this.originals(elements);
    return batchMessage(this.decoded(chosen), spanOf(chosen), origin);
  }
  private get forgotten(): boolean {
    return this.owner.forgotten?.() ?? false;
  }
  /** All of it is delivered. */
  delivered(): void {
    // Wires may have changed meanwhile.
    if (this.passes && this.forgotten) this.packed.release();
  }
  private unread(): Message {
    const message = batchMessage(undefined, this.span, this.origin);
    unreadPayload(
      message,
      { source: { kind: "kafka", ...this.origin }, records: this.packed },
      () => (this.packed.released ? this.owner.late?.() : this.decoded(this.originals())),
      () => this.owner.read?.(),
    );
    return message;
  }
  private decoded(records: readonly FetchedRecord[]): Message[] {
    return records.map((record) => messageOf(record, this.origin, this.decoders));
  }
  originals(elements?: readonly number[]): readonly FetchedRecord[] {
    return elements ? elements.flatMap((index) => this.packed.at(index) ?? []) : this.packed.all();
  }
}

/** Whether all of them can go to the flow unread: they will be decoded without an error when somebody reads them. */
export const canStayUnread = (records: PackedRecords, { isReadable }: Decoders): boolean => {
  if (!isReadable) return false;
  for (let at = 0; at < records.length; at++) if (!isReadable(records, at)) return false;
  return true;
};

/** What of the records can be decoded, and what can't. */
export interface DecodedRun {
  readonly good: readonly FetchedRecord[];
  /** The messages of `good`. */
  readonly elements: Message[];
  readonly undecodable: readonly Undecodable[];
  readonly bytes: number;
}

export const decodeRun = (records: readonly FetchedRecord[], origin: Origin, decoders: Decoders): DecodedRun => {
  const good: FetchedRecord[] = [];
  const elements: Message[] = [];
  const undecodable: Undecodable[] = [];
  let bytes = 0;
  for (const record of records) {
    bytes += record.size;
    try {
      elements.push(messageOf(record, origin, decoders));
      good.push(record);
    } catch (error) {
      undecodable.push({ record, error: asError(error) });
    }
  }
  return { good, elements, undecodable, bytes };
};
