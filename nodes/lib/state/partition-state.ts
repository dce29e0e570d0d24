/** The state of one partition for one tenure: claimed when its first record comes, closed when the tenure is over. */
import { setTimeout as wait } from "node:timers/promises";
import type { Tenure } from "../delivery/contract";
import { asError, Retriable } from "../errors";
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
  private failure: Error | undefined;
  private closed: Promise<void> | undefined;
  private swept = false;
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
    } finally {
      this.letGo();
    }
  }

  private async opened(): Promise<void> {
    const { signal } = this.closing;
    const { tenure, around } = this;
    let claim: Claim | undefined;
    for (let failed = false; tenure && !claim;)
      try {
        claim = await this.claim(tenure);
        if (failed) around.trouble(undefined);
      } catch (error) {
        if (error instanceof Retriable) throw error;
        failed = true;
        around.trouble(asError(error));
        await wait(AGAIN, undefined, { signal }).catch(() => undefined);
      }
    if (signal.aborted) throw closedError();
    this.state = around.open(claim?.directory ?? this.folder, () => this.written(claim));
    await this.state.ready;
    this.isOpen = true;
  }

  /** @throws Retriable when the partition is in other hands, or the node was closed */
  private async claim(tenure: Tenure): Promise<Claim> {
    const { signal } = this.closing;
    const { inUse } = this.around;
    const ended = new Promise<false>((resolve) => signal.addEventListener("abort", () => resolve(false)));
    const before = inUse.get(this.folder);
    if (before) {
      await Promise.race([before, ended, wait(AGAIN, undefined, { ref: false })]);
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
      const claim = await claimState(this.folder, () => Promise.race([tenure.confirm(), ended]));
      if (!claim) throw closedError();
      return claim;
    } catch (error) {
      this.letGo();
      throw error;
    }
  }

  private written(claim: Claim | undefined): void {
    if (!claim || this.swept) return;
    this.swept = true;
    // What can't be removed now is in nobody's way: the next claim's checkpoint tries again.
    claim
      .sweep()
      .catch((error: unknown) => this.around.warn(`earlier state stays in ${this.folder}: ${asError(error).message}`));
  }
}

const closedError = (): Retriable =>
  new Retriable("the state of the partition is not this process's any more, or the node was closed", {
    unreachable: true,
  });
