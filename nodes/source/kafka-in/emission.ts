/** Records → emissions of the delivery ledger, which can make their messages again for each try. */
import type { Emission, Message } from "../../lib/delivery/contract";
import type { Positions } from "../../lib/delivery/low-water-mark";
import { asError } from "../../lib/errors";
import type { FetchedRecord } from "../../lib/kafka/port";
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
  /** Nodes hold `records` more (or fewer) of an emission on purpose. */
  hold(emission: PlacedEmission, records: number): void;
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
  message(): Message {
    const message = this.first ?? messageOf(this.record, this.origin, this.decoders);
    this.first = undefined;
    return message;
  }
  originals(): readonly FetchedRecord[] {
    return [this.record];
  }
}

export const batchMessage = (elements: Message[], records: readonly FetchedRecord[], origin: Origin): Message => ({
  payload: elements,
  source: {
    kind: "kafka",
    topic: origin.topic,
    partition: origin.partition,
    offset: records[0]?.offset,
    lastOffset: records.at(-1)?.offset,
    epoch: origin.epoch,
    group: origin.group,
  },
});

/** Many records a message. */
export class BatchEmission implements PlacedEmission {
  readonly records: number;
  held = 0;
  constructor(
    readonly owner: EmissionOwner,
    readonly entry: Positions,
    private readonly all: readonly FetchedRecord[],
    readonly bytes: number,
    private readonly origin: Origin,
    private readonly decoders: Decoders,
    private first: Message[] | undefined,
  ) {
    this.records = all.length;
  }
  get once(): boolean {
    return this.owner.once ?? false;
  }
  get resumesAt(): number | undefined {
    return this.owner.committed;
  }
  message(elements?: readonly number[]): Message {
    const { all, first } = this;
    this.first = undefined;
    if (first && !elements) return batchMessage(first, all, this.origin);
    const chosen = this.originals(elements);
    const list = chosen.map((record) => messageOf(record, this.origin, this.decoders));
    return batchMessage(list, chosen, this.origin);
  }
  originals(elements?: readonly number[]): readonly FetchedRecord[] {
    const { all } = this;
    return elements ? elements.flatMap((index) => all[index] ?? []) : all;
  }
}

/** What of the records can be decoded, and what can't. */
export const decodeRun = (
  records: readonly FetchedRecord[],
  origin: Origin,
  decoders: Decoders,
): { good: FetchedRecord[]; elements: Message[]; undecodable: Undecodable[]; bytes: number } => {
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
