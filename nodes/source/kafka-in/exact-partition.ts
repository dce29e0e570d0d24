/**
 * One assigned partition, exactly once: its records go through the flow in units, and a unit's results, dead letters and
 * offset are committed in one transaction. When something of a unit fails after it has written, the whole unit is undone
 * and sent again (docs/decisions/exactly-once.md).
 */
import { backOff } from "../../lib/back-off";
import type { FailedTry, Tenure } from "../../lib/delivery/contract";
import { asError, messageOf as textOf, Retriable } from "../../lib/errors";
import type { RecordTransaction } from "../../lib/kafka/exactly-once";
import type { FetchedRecord } from "../../lib/kafka/port";
import { Fenced, type TransactionalProducer } from "../../lib/kafka/transaction-port";
import type { DamagedBatch } from "../../lib/kafka/record-batch";
import { within } from "../../lib/kafka/sleep";
import type { Origin } from "./decode";
import { recordOfDamaged, type AssignedPartition } from "./partition";
import type { ExactSettings } from "./exactly-once";
import { Room } from "./room";
import { Unit, UnitEmission, type Slot } from "./unit";
import { unitTransactions } from "./unit-transaction";

/** How often holders are asked to let go of what a closed unit waits for, in ms. */
const PRESSURE = 1000;
/** How long a partition that is given up waits for Kafka, in ms. */
const LEAVING = 2000;
/** The part of the broker's time-out that a unit may take. */
const PATIENCE = 0.8;

export class ExactPartition implements AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  next: number | undefined;
  committed: number | undefined;
  highWatermark = 0;
  asleep = false;
  stuck: DamagedBatch | undefined;
  readonly committable = undefined;
  private readonly producer: TransactionalProducer;
  private begun: Promise<void> | undefined;
  private unit: Unit | undefined;
  /** Ends the present try: what is written for it after that is refused. */
  private over = false;
  private readonly change = new Room();
  private readonly transaction: (unit: Unit) => RecordTransaction;
  private timers: NodeJS.Timeout[] = [];
  private ending: Promise<void> | undefined;

  constructor(
    private readonly settings: ExactSettings,
    { topic, partition }: { readonly topic: string; readonly partition: number },
    readonly epoch: number,
    /** Where the user wants it to go on; absent: where the group has committed. */
    private sought?: number,
    private readonly tenure?: Tenure,
  ) {
    this.next = sought;
    this.topic = topic;
    this.partition = partition;
    this.producer = settings.producer(`${settings.group}-${topic}-${partition}`);
    this.transaction = unitTransactions({
      kafka: settings.kafka,
      label: `${topic}/${partition}`,
      producer: this.producer,
      has: (unit) => !this.over && this.unit === unit,
    });
  }

  get hasRoom(): boolean {
    return !this.over && !this.unit?.sealed;
  }
  get unfinished(): number {
    return this.unit && !this.over ? 1 : 0;
  }
  get lag(): number {
    return Math.max(0, this.highWatermark - (this.next ?? this.highWatermark));
  }
  origin(): Origin {
    const { topic, partition, epoch } = this;
    return { topic, partition, epoch, group: this.settings.group };
  }

  expects(offset: number): boolean {
    const isStale = this.sought !== undefined && this.sought !== offset;
    this.sought = undefined;
    return !isStale;
  }

  room(): Promise<void> {
    return this.change.wait();
  }
  wake(): void {
    this.change.look();
  }
  /** Another assignment begins at what is committed. */
  keep(): boolean {
    return false;
  }

  /** Takes the partition's transactional id, so that who had the partition can commit no more; then its offset is final. */
  begin(): Promise<void> {
    return (this.begun ??= (async () => {
      await this.producer.start();
      await this.producer.stable(this.settings.group, this);
    })().catch((error: unknown) => {
      this.begun = undefined;
      throw error;
    }));
  }

  emit(records: readonly FetchedRecord[]): void {
    const [first] = records;
    if (!first) return;
    const unit = this.open(first.offset);
    const slots = unit.take(records);
    this.next = unit.next;
    for (const slot of slots) this.deliver(unit, slot);
    const { most } = this.settings;
    if (unit.records >= most.records || unit.bytes >= most.bytes) this.seal(unit);
  }

  pass(damaged: DamagedBatch): void {
    const unit = this.open(damaged.offset);
    unit.pass(recordOfDamaged(damaged), damaged, damaged.nextOffset);
    this.next = unit.next;
  }

  skip(next: number): void {
    if (this.next !== undefined && next <= this.next) return;
    this.open(next).next = next;
    this.next = next;
  }

  private open(first: number): Unit {
    if (this.unit) return this.unit;
    const unit = new Unit(this.origin(), first, this.settings, this.tenure);
    this.unit = unit;
    this.after(this.settings.interval, () => this.seal(unit));
    this.limit(unit);
    return unit;
  }

  private after(ms: number, action: () => void): void {
    this.timers.push(setTimeout(action, ms));
  }

  private stopTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
  }

  /** A transaction that takes too long is undone here, with words, before the broker does it without. */
  private limit(unit: Unit): void {
    const { timeout, source } = this.settings;
    this.after(timeout * PATIENCE, () => {
      if (this.unit !== unit || unit.flying === 0) return;
      const error = new Retriable(
        `${this.topic}/${this.partition}: ${unit.flying} of ${unit.slots.length} messages are not finished ${Math.round((timeout * PATIENCE) / 1000)} s after their transaction began. A node keeps them (a window, a join, a file that is not full, a server out of reach): exactly once needs a flow that finishes each record by itself, or a longer Transaction time-out`,
        { unreachable: true },
      );
      this.settings.warn(error.message);
      this.doom(unit, error);
      source.recall((emission) => unit.owns(emission));
    });
  }

  private deliver(unit: Unit, slot: Slot): void {
    const emission = new UnitEmission(unit, slot, this.transaction(unit), (one, failed) => this.judge(one, failed));
    slot.emission = emission;
    unit.flying += 1;
    this.settings.source.deliver(emission, (verdict, failure) => {
      unit.flying -= 1;
      if (verdict !== "delivered" && !emission.undone)
        this.doom(unit, failure?.error ?? new Retriable("the node was closed", { unreachable: true }));
      this.settle(unit);
    });
  }

  /** A try has failed: true when it is undone here, false when it may simply be sent again in the same transaction. */
  private judge(emission: UnitEmission, failed: FailedTry): boolean {
    const { unit, slot } = emission;
    slot.tries = failed.tries;
    const { dead } = failed;
    const whole = dead === "all" || dead.length === slot.records.length;
    if (!emission.wrote && !unit.doomed) {
      if (dead !== "all" && dead.length === 0) return false;
      if (whole) {
        unit.bury(slot, failed);
        return true;
      }
    }
    unit.bury(slot, failed);
    this.doom(unit, failed.failure.error);
    return true;
  }

  private seal(unit: Unit): void {
    if (this.unit !== unit || unit.sealed) return;
    unit.sealed = true;
    this.press(unit);
    this.settle(unit);
  }

  /** Asks those who hold records on purpose to let go of them, until the unit is out of the flow. */
  private press(unit: Unit): void {
    this.after(PRESSURE, () => {
      if (this.unit !== unit || this.over || unit.flying === 0) return;
      this.settings.source.pressure();
      this.press(unit);
    });
  }

  private doom(unit: Unit, error: Error): void {
    if (unit.doomed) return;
    unit.doomed = error;
    this.seal(unit);
    // What waits for a server would only be undone.
    this.settings.source.recall((emission) => unit.owns(emission), "waiting");
  }

  /** Goes on when nothing of the closed unit is in the flow any more. */
  private settle(unit: Unit): void {
    if (this.unit !== unit || !unit.sealed || unit.flying > 0 || this.over || this.ending) return;
    this.stopTimers();
    this.ending = this.end(unit)
      .catch((error: unknown) => this.lose(asError(error)))
      .finally(() => {
        this.ending = undefined;
        this.settle(unit);
        this.wake();
      });
  }

  private async end(unit: Unit): Promise<void> {
    if (!unit.doomed)
      try {
        await this.commit(unit);
        this.unit = undefined;
        return;
      } catch (error) {
        if (error instanceof Fenced) throw error;
        unit.doomed = asError(error);
        this.settings.warn(`${this.topic}/${this.partition}: not committed, so it is undone: ${textOf(error)}`);
      }
    unit.failures += 1;
    await this.producer.abort();
    const { retry, source } = this.settings;
    const delay = backOff(unit.failures - 1, retry.initialDelay, retry.maxDelay);
    const again = performance.now() + delay;
    this.after(delay + 2, () => this.wake());
    while ((performance.now() < again || !source.running) && !this.over) await this.room();
    if (this.over) return;
    unit.doomed = undefined;
    this.limit(unit);
    this.press(unit);
    for (const slot of unit.slots) if (slot.records.length > 0) this.deliver(unit, slot);
  }

  private async commit(unit: Unit): Promise<void> {
    const { topic, partition, epoch } = this;
    if (unit.letters.length > 0) await this.settings.bury(unit.letters, this.producer);
    const member = this.settings.membership(epoch);
    if (!member) throw new Fenced(`${topic}/${partition} was assigned to another member`);
    await this.producer.commit(member, { topic, partition, offset: unit.next });
    this.committed = unit.next;
  }

  /** The partition is in other hands, or can't be written for: only a new assignment tells where to go on. */
  private lose(error: Error): void {
    if (this.over) return;
    this.quit();
    this.settings.rejoin(error);
  }

  private quit(): void {
    this.over = true;
    this.stopTimers();
    const { unit } = this;
    if (unit) this.settings.source.recall((emission) => unit.owns(emission));
    this.wake();
  }

  /** The node closes or the partition moves: what is in the flow may still finish, nothing more is sent. */
  leaving(): void {
    if (this.unit) this.seal(this.unit);
  }

  /** Undoes what is not committed, or being committed; the next owner need not wait for the broker's time-out. */
  async left(): Promise<void> {
    const { unit } = this;
    const committing = unit && !unit.doomed && unit.flying === 0 ? this.ending : undefined;
    // Without an answer in time it is the next owner who ends the transaction, one way or the other, before it reads on.
    await within(committing, LEAVING);
    const isOpen = this.unit !== undefined && (committing === undefined || unit?.doomed !== undefined);
    this.quit();
    if (isOpen)
      await within(
        this.producer.abort().catch(() => undefined),
        LEAVING,
      );
    await this.producer.close();
  }
}
