/** How a source waits for what its flow does: for room, for flows to run, for the end of what it has sent. */
import { setImmediate as nextTurn } from "node:timers/promises";

/**
 * What was emitted may pass some nodes until one holds it, and makes room by that: turns of the event loop, and ms more.
 * Holders that are asked to let go before store small files.
 */
export const ON_ITS_WAY = { turns: 4, ms: 20 };
/** When holders that came since are asked too, in ms. */
const PRESSED_AGAIN = 1_000;

export class Waiting {
  private readonly waiting = new Set<() => void>();

  /**
   * @param signal ends all waiting
   * @param press asks those who hold records to let go of them
   */
  constructor(
    private readonly signal: AbortSignal,
    private readonly press: () => void,
  ) {}

  get waits(): boolean {
    return this.waiting.size > 0;
  }

  /** Conditions are looked at again. */
  wake(): void {
    for (const go of this.waiting) go();
    this.waiting.clear();
  }

  /** @throws the signal's reason */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      this.signal.throwIfAborted();
      await this.change();
    }
  }

  /**
   * The same of room: what does not come by itself is pressed for.
   * @throws the signal's reason
   */
  async room(hasRoom: () => boolean): Promise<void> {
    for (let turn = 0; turn < ON_ITS_WAY.turns && !hasRoom(); turn++) await nextTurn();
    let due = performance.now() + ON_ITS_WAY.ms;
    while (!hasRoom()) {
      this.signal.throwIfAborted();
      const left = due - performance.now();
      if (left > 0) await this.change(left);
      else {
        this.press();
        due = performance.now() + PRESSED_AGAIN;
      }
    }
  }

  private async change(limit?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.waiting.add(resolve);
      if (limit !== undefined) timer = setTimeout(() => this.waiting.delete(resolve) && resolve(), limit);
    });
    clearTimeout(timer);
  }
}
