/**
 * State by key that goes along when Kafka moves a partition to another process: one state for each partition, in a folder
 * that all processes share. It presumes that the key is what Kafka partitions by. Records of sources without partitions
 * that move have one state, which is this process's alone.
 */
import path from "node:path";
import type { Message, Tenure } from "../delivery/contract";
import { asError, messageOf, Rejected, Retriable, Undone } from "../errors";
import { isObject, type StreamRecord } from "../stream/record";
import { CheckpointedState, type CheckpointOptions } from "./checkpointed";
import type { Surroundings } from "./checkpoints";
import { partitionFolder } from "./claim";
import type { Identity } from "./contained";
import { PartitionState } from "./partition-state";
import type { Advance, KeyedState } from "./port";

export interface PartitionedOptions extends Omit<CheckpointOptions, "directory" | "written"> {
  /** That all processes share; each partition has a folder in it. */
  readonly shared: string;
  /** For records without a partition: this process's alone. */
  readonly own: string;
  /** Folders that are in use in this process; those of all nodes when absent. */
  readonly inUse?: Map<string, Promise<void>>;
}

const usedHere = new Map<string, Promise<void>>();

/** How often it is looked whose time is over, ms. */
const LOOK = 1000;

interface Waiter<P> {
  readonly message: Message;
  readonly parts: readonly P[];
  go(): void;
  fail(error: Error): void;
}

export class PartitionedState<S, R, T extends StreamRecord = StreamRecord> implements KeyedState<R, T> {
  readonly ready = undefined;
  private readonly parts = new Map<Tenure | undefined, PartitionState<S, R, T>>();
  private readonly leaving = new Set<Promise<void>>();
  /** In the order in which they came. */
  private waiters: Waiter<PartitionState<S, R, T>>[] = [];
  /** May be taken, and have not been yet. */
  private readonly cleared = new Map<Message, readonly PartitionState<S, R, T>[]>();
  /** Of the message that is being taken. */
  private present: readonly PartitionState<S, R, T>[] = [];
  private readonly timer: NodeJS.Timeout;
  private closing = false;

  constructor(
    private readonly advance: Advance<S, R, T>,
    private readonly options: PartitionedOptions,
    private readonly around: Surroundings,
  ) {
    this.timer = setInterval(() => this.leaveOver(), LOOK).unref();
  }

  get keys(): number {
    let keys = 0;
    for (const part of this.parts.values()) keys += part.keys;
    return keys;
  }

  get full(): boolean {
    for (const part of this.parts.values()) if (part.full) return true;
    return false;
  }

  readyFor(message: Message): Promise<void> | undefined {
    const before = this.cleared.get(message);
    this.cleared.delete(message);
    for (const part of before ?? []) part.behind--;
    const parts = before ?? this.partsOf(message);
    let open = true;
    for (const part of parts) if (!part.present || (!before && part.behind > 0)) open = false;
    if (!open) return this.wait(message, parts);
    this.present = parts;
    return undefined;
  }

  take(key: string, record: T, identity?: Identity): R | undefined {
    const state = this.partOf(record).present;
    if (!state) throw new Error("the state is not open yet");
    return state.take(key, record, identity);
  }

  kept(message: Message): Promise<void> | undefined {
    const parts = this.present;
    this.present = [];
    const waits = parts.flatMap((part) => part.present?.kept(message) ?? []);
    return waits.length > 0 ? Promise.all(waits).then(() => undefined) : undefined;
  }

  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.timer);
    for (const part of this.parts.values()) this.leave(part);
    this.pump();
    await Promise.all(this.leaving);
  }

  /** Where the records of a message belong. @throws Retriable when that is in other hands */
  private partsOf(message: Message): readonly PartitionState<S, R, T>[] {
    const emissions = this.around.emissionsOf(message);
    if (emissions === "ended") throw new Undone("its source has undone this try, and the record comes again");
    if (emissions.length === 1) return [this.partFor(emissions[0]?.tenure)];
    if (emissions.length > 0)
      return [...new Set(emissions.map(({ tenure }) => tenure))].map((tenure) => this.partFor(tenure));
    const { source } = message;
    if (!isObject(source) || source["kind"] !== "kafka") return [this.partFor(undefined)];
    // Of which tenure it is can't be known, and in another one it would come before others that it came after.
    throw new Retriable(
      "not taken into the state, since its record has ended already: it timed out, has moved or was sent again, or a node before this one sent it on after it was done",
      { unreachable: true },
    );
  }

  private partFor(tenure: Tenure | undefined): PartitionState<S, R, T> {
    const known = this.parts.get(tenure);
    if (known) return known;
    if (this.closing) throw new Retriable("the node was closed", { unreachable: true });
    this.leaveOver();
    const { shared, own, inUse = usedHere, ...options } = this.options;
    const folder = tenure ? path.join(shared, partitionFolder(tenure)) : own;
    const part = new PartitionState<S, R, T>(folder, tenure, {
      open: (directory, written) =>
        new CheckpointedState(this.advance, { ...options, directory, written }, this.around),
      trouble: this.around.trouble,
      warn: options.warn,
      inUse,
    });
    if (!tenure?.over) this.parts.set(tenure, part);
    void part.settled.then(() => this.pump());
    return part;
  }

  private partOf({ source }: T): PartitionState<S, R, T> {
    const [first, ...more] = this.present;
    if (first && more.length === 0) return first;
    const found = this.present.find(({ tenure }) =>
      isObject(source) && source["kind"] === "kafka" ? tenure && isFrom(tenure, source) : !tenure,
    );
    if (found) return found;
    throw new Rejected(
      "the message is made of records of several partitions, and does not say of this one (in source) from which it is: state by partition needs records of one partition, or such as name it",
    );
  }

  private wait(message: Message, parts: readonly PartitionState<S, R, T>[]): Promise<void> {
    return new Promise((go, fail) => {
      for (const part of parts) part.behind++;
      this.waiters.push({ message, parts, go, fail });
      this.pump();
    });
  }

  /** Lets messages go on whose states are open, in the order in which they came, and fails those whose are gone. */
  private pump(): void {
    const blocked = new Set<PartitionState<S, R, T>>();
    this.waiters = this.waiters.filter(({ message, parts, go, fail }) => {
      try {
        let open = true;
        for (const part of parts) if (!part.present || blocked.has(part)) open = false;
        if (!open) {
          for (const part of parts) blocked.add(part);
          return true;
        }
        this.cleared.set(message, parts);
        go();
      } catch (error) {
        for (const part of parts) part.behind--;
        fail(asError(error));
      }
      return false;
    });
  }

  /** What is over is closed, and its memory let go. */
  private leaveOver(): void {
    for (const part of this.parts.values()) if (part.tenure?.over) this.leave(part);
    if (this.waiters.length > 0) this.pump();
  }

  private leave(part: PartitionState<S, R, T>): void {
    this.parts.delete(part.tenure);
    const left = part
      .close()
      .catch((error: unknown) => this.options.warn(`the state of a partition is not closed well: ${messageOf(error)}`))
      .finally(() => this.leaving.delete(left));
    this.leaving.add(left);
  }
}

const isFrom = ({ topic, partition }: Tenure, source: Readonly<Record<string, unknown>>): boolean =>
  source["topic"] === topic && source["partition"] === partition;
