/** What is read, processed and committed together: some records of one partition, and what became of each. */
import { randomUUID } from "node:crypto";
import type { DeadLetter, Emission, FailedTry, Message, NodeRef, Tenure } from "../../lib/delivery/contract";
import type { RecordTransaction, TransactionalEmission } from "../../lib/kafka/exactly-once";
import type { FetchedRecord } from "../../lib/kafka/port";
import { messageOf, rawMessageOf, type Decoders, type Origin } from "./decode";
import { batchMessage, decodeRun, spanOf } from "./emission";

/** Records that travel in one message. */
export interface Slot {
  records: readonly FetchedRecord[];
  /** Tries that have failed. */
  tries: number;
  emission: UnitEmission | undefined;
  /** For the first try: what was decoded to see whether it can be. */
  first: Message | undefined;
}

export interface UnitSettings {
  readonly mode: "record" | "batch";
  readonly decoders: Decoders;
  readonly node: NodeRef;
}

/** One try of one message. */
export class UnitEmission implements TransactionalEmission {
  readonly records: number;
  readonly bytes: number;
  readonly tries: number;
  /** Something of it has been written in the transaction. */
  wrote = false;
  /** Its source has taken it back. */
  undone = false;
  constructor(
    readonly unit: Unit,
    readonly slot: Slot,
    readonly transaction: RecordTransaction,
    private readonly judge: (emission: UnitEmission, failed: FailedTry) => boolean,
  ) {
    this.records = slot.records.length;
    this.bytes = slot.records.reduce((sum, { size }) => sum + size, 0);
    this.tries = slot.tries;
  }
  get resumesAt(): number {
    return this.unit.first;
  }
  get tenure(): Tenure | undefined {
    return this.unit.tenure;
  }
  message(elements?: readonly number[]): Message {
    const { records, first } = this.slot;
    this.slot.first = undefined;
    if (first && !elements) return first;
    return this.unit.messageOf(elements ? elements.flatMap((index) => records[index] ?? []) : records);
  }
  undo(failed: FailedTry): boolean {
    this.undone = this.judge(this, failed);
    return this.undone;
  }
}

export class Unit {
  readonly slots: Slot[] = [];
  /** Written when the unit is committed. */
  readonly letters: DeadLetter[] = [];
  records = 0;
  bytes = 0;
  /** The offset to commit. */
  next: number;
  /** Messages in the flow. */
  flying = 0;
  /** Nothing is added any more. */
  sealed = false;
  /** Why what is written must be undone. */
  doomed: Error | undefined;
  failures = 0;
  constructor(
    readonly origin: Origin,
    readonly first: number,
    private readonly settings: UnitSettings,
    readonly tenure?: Tenure,
  ) {
    this.next = first;
  }

  messageOf(records: readonly FetchedRecord[]): Message {
    const { mode, decoders } = this.settings;
    const [only] = records;
    if (mode === "record" && only) return messageOf(only, this.origin, decoders);
    return batchMessage(
      records.map((record) => messageOf(record, this.origin, decoders)),
      spanOf(records),
      this.origin,
    );
  }

  /** Takes records in: slots for those that can be decoded, dead letters for the others. */
  take(records: readonly FetchedRecord[]): Slot[] {
    const { mode, node, decoders } = this.settings;
    const { good, elements, undecodable, bytes } = decodeRun(records, this.origin, decoders);
    const slot = (own: readonly FetchedRecord[], first: Message | undefined): Slot => ({
      records: own,
      tries: 0,
      emission: undefined,
      first,
    });
    const added =
      mode === "record"
        ? good.map((record, index) => slot([record], elements[index]))
        : good.length > 0
          ? [slot(good, batchMessage(elements, spanOf(good), this.origin))]
          : [];
    for (const one of added) this.slots.push(one);
    this.next = (records.at(-1)?.offset ?? this.next - 1) + 1;
    this.records += records.length;
    this.bytes += bytes;
    for (const { record, error } of undecodable)
      this.letters.push(letterOf(rawMessageOf(record, this.origin), error, node, 1));
    return added;
  }

  /** Puts a record that no message can be made of among the dead letters, and goes on at `next`. */
  pass(record: FetchedRecord, error: Error, next: number): void {
    this.letters.push(letterOf(rawMessageOf(record, this.origin), error, this.settings.node, 1));
    this.bytes += record.size;
    this.next = next;
  }

  /** Puts what has failed for good among the dead letters; the slot keeps the rest. */
  bury(slot: Slot, { dead, failure, tries }: FailedTry): void {
    if (dead === "all") {
      this.letters.push(letterOf(this.messageOf(slot.records), failure.error, failure.node, tries, slot.records));
      slot.records = [];
      return;
    }
    const gone = new Set(dead.map(({ index }) => index));
    for (const { index, error } of dead) {
      const record = slot.records[index];
      if (record) this.letters.push(letterOf(this.messageOf([record]), error, failure.node, tries, [record]));
    }
    if (gone.size > 0) slot.records = slot.records.filter((_record, index) => !gone.has(index));
  }

  owns(emission: Emission): boolean {
    return emission instanceof UnitEmission && emission.unit === this;
  }
}

const letterOf = (
  message: Message,
  error: Error,
  node: NodeRef | undefined,
  attempts: number,
  originals?: readonly FetchedRecord[],
): DeadLetter => ({
  id: randomUUID(),
  message,
  ...(originals && { originals }),
  error,
  ...(node && { node }),
  attempts,
  time: Date.now(),
});
