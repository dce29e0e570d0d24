/** Looks again and again, or once, or when somebody asks. */
import { setTimeout as sleep } from "node:timers/promises";

export class Rounds {
  readonly #stop = new AbortController();
  #pause = new AbortController();
  #isAsked = false;
  #done: Promise<void> | undefined;

  /**
   * @param interval ms between the end of a round and the next one; 0: only when asked
   * @param round rejects only when it is stopped
   */
  constructor(
    private readonly interval: number,
    private readonly round: (isFirst: boolean) => Promise<void>,
  ) {}

  get isStarted(): boolean {
    return this.#done !== undefined;
  }

  start(): void {
    this.#done ??= this.#run().catch(() => undefined);
  }

  /** A round as soon as the one under way is over. */
  now(): void {
    this.#isAsked = true;
    this.#pause.abort();
  }

  /** Resolves when the round under way is over; it must be told to stop. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let isFirst = true; !this.#stop.signal.aborted; isFirst = false) {
      this.#isAsked = false;
      this.#pause = new AbortController();
      await this.round(isFirst);
      if (this.#isAsked) continue;
      const signal = AbortSignal.any([this.#stop.signal, this.#pause.signal]);
      await sleep(this.interval > 0 ? this.interval : 2 ** 31 - 1, undefined, { signal, ref: false }).catch(
        () => undefined,
      );
    }
  }
}
