/** The state of one partition for one tenure: claimed when its first record comes, closed when the tenure is over. */
import { setTimeout as wait } from "node:timers/promises";
import type { Tenure } from "../delivery/contract";
import { asError, messageOf, Retriable } from "../errors";
import type { StreamRecord } from "../stream/record";
import type { CheckpointedState } from "./checkpointed";
import { claimState, type Claim } from "./claim";

export interface PartitionSurroundings<S, R, T extends StreamRecord> {
  /** @param written told after each durable checkpoint */
  open(directory: string, written: () => void): CheckpointedState<S, R, T>;
  /** The folder can't be used: records wait; undefined: it can. */
  trouble(error: Error | undefined): void;
  warn(text: string): void;
  /** Folders that are in use in this process, and when that ends. */
  readonly inUse: Map<string, Promise<void>>;
}

/** How long a folder that failed is left alone, ms. */
const AGAIN = 1000;

export class PartitionState<S, R, T extends StreamRecord> {
  /** Messages that wait for it, or were told to go on and have not yet. */
  behind = 0;
  /** Resolves when it is open, or never will be. */
  readonly settled: Promise<void>;
  private state: CheckpointedState<S, R, T> | undefined;
  private isOpen = false;
  private readonly closing = new AbortController();
  private readonly ended = new Promise<false>((resolve) => {
    this.closing.signal.addEventListener("abort", () => resolve(false));
  });
  private failure: Error | undefined;
  private closed: Promise<void> | undefined;
  private sweeping: Promise<void> | undefined;
  /** Others in this process may have the folder. */
  private letGo = (): void => undefined;

  /**
   * @param folder of the partition, where it may move; else where the state lies
   * @param tenure undefined: records of sources that know none
   */
  constructor(
    private readonly folder: string,
    readonly tenure: Tenure | undefined,
    private readonly around: PartitionSurroundings<S, R, T>,
  ) {
    this.settled = this.opened().catch((error: unknown) => {
      this.failure = asError(error);
    });
  }

  /** The state, once it is open. @throws Retriable when the tenure is over or the node was closed */
  get present(): CheckpointedState<S, R, T> | undefined {
    const { tenure } = this;
    if (tenure?.over)
      throw new Retriable(`partition ${tenure.partition} of ${tenure.topic} has moved: its records come again there`, {
        unreachable: true,
      });
    if (this.failure) throw this.failure;
    if (this.closing.signal.aborted) throw closedError();
    return this.isOpen ? this.state : undefined;
  }

  get keys(): number {
    return this.state?.keys ?? 0;
  }
  get full(): boolean {
    return this.state?.full ?? false;
  }

  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  private async end(): Promise<void> {
    this.closing.abort();
    try {
      await this.state?.close();
      await this.settled;
      await this.sweeping;
    } finally {
      this.letGo();
    }
  }

  private async opened(): Promise<void> {
    const claim = this.tenure && (await this.untilClaimed(this.tenure));
    if (this.closing.signal.aborted) throw closedError();
    this.state = this.around.open(claim?.directory ?? this.folder, () => this.written(claim));
    await this.state.ready;
    this.isOpen = true;
  }

  /** Again and again, until the folder can be used. */
  private async untilClaimed(tenure: Tenure): Promise<Claim> {
    const { signal } = this.closing;
    for (let failed = false; ; failed = true)
      try {
        const claim = await this.claim(tenure);
        if (failed) this.around.trouble(undefined);
        return claim;
      } catch (error) {
        if (error instanceof Retriable) throw error;
        this.around.trouble(asError(error));
        await wait(AGAIN, undefined, { signal }).catch(() => undefined);
      }
  }

  /** @throws Retriable when the partition is in other hands, or the node was closed */
  private async claim(tenure: Tenure): Promise<Claim> {
    const { signal } = this.closing;
    const { inUse } = this.around;
    const before = inUse.get(this.folder);
    if (before) {
      await Promise.race([before, this.ended, wait(AGAIN, undefined, { ref: false })]);
      if (inUse.get(this.folder) === before && !signal.aborted && !tenure.over)
        throw new Error(
          `${this.folder} is in use for another source that reads the partition, or by a node that is still closing; one node can read it from one source only`,
        );
    }
    if (signal.aborted || tenure.over) throw closedError();
    const used = new Promise<void>((resolve) => {
      this.letGo = () => {
        if (inUse.get(this.folder) === used) inUse.delete(this.folder);
        resolve();
      };
    });
    inUse.set(this.folder, used);
    try {
      const claim = await claimState(this.folder, () => Promise.race([tenure.confirm(), this.ended]));
      if (!claim) throw closedError();
      return claim;
    } catch (error) {
      this.letGo();
      throw error;
    }
  }

  private written(claim: Claim | undefined): void {
    // What can't be removed now is in nobody's way: the next claim's checkpoint tries again.
    this.sweeping ??= claim?.sweep().catch((error: unknown) => {
      this.around.warn(`what was kept earlier stays in ${this.folder}: ${messageOf(error)}`);
    });
  }
}

const closedError = (): Retriable =>
  new Retriable("the state of the partition is not this process's any more, or the node was closed", {
    unreachable: true,
  });
