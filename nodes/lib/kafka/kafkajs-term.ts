/** The time of one assignment: batches in hand, and what keeps the membership alive meanwhile. */
import { Chain, type Linked } from "../delivery/chain";

interface InHand extends Linked<InHand> {
  heartbeat(): Promise<void>;
  /** The term is over; with what a heartbeat was answered, if that is why. */
  end(error?: unknown): void;
}

export class Term {
  private isOver = false;
  private readonly inHand = new Chain<InHand>();
  /** One for all: thousands of batches a second would each have their own. */
  private timer: NodeJS.Timeout | undefined;

  /** @param ends whether the membership is over, by the error of a heartbeat; others are for the next fetch to find */
  constructor(private readonly ends: (error: unknown) => boolean) {}

  get over(): boolean {
    return this.isOver;
  }

  /** Batches in hand return. */
  end(error?: unknown): void {
    this.isOver = true;
    clearInterval(this.timer);
    for (const one of this.inHand) one.end(error);
  }

  /**
   * What the work makes, or undefined when the term ends before it.
   *
   * @param interval at most so many ms pass without a heartbeat
   * @throws what the work throws, or what the heartbeat was answered that ended the term
   */
  during<T>(work: Promise<T>, heartbeat: () => Promise<void>, interval: number): Promise<T | undefined> {
    if (this.isOver) return Promise.resolve(undefined);
    this.timer ??= setInterval(() => this.beat(), interval);
    return new Promise((resolve, reject) => {
      const one: InHand = {
        older: undefined,
        newer: undefined,
        heartbeat,
        end: (error) => (error === undefined ? resolve(undefined) : reject(error)),
      };
      this.inHand.add(one);
      work.then(resolve, reject).finally(() => this.inHand.remove(one));
    });
  }

  private beat(): void {
    const { oldest } = this.inHand;
    if (oldest === undefined) {
      clearInterval(this.timer);
      this.timer = undefined;
    } else
      oldest.heartbeat().catch((error: unknown) => {
        // Leaving for anything else would fetch again what is being worked on.
        if (!this.isOver && this.ends(error)) this.end(error);
      });
  }
}
