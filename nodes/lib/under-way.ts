/** Work that has begun and not ended: counted, not kept, so that thousands a second leave nothing behind. */
export class UnderWay {
  private count = 0;
  private waiting: (() => void)[] = [];

  /** Counts a work until it ends, however it does. */
  add<T>(work: Promise<T>): Promise<T> {
    this.count += 1;
    work.then(this.ended, this.ended);
    return work;
  }

  /** Resolves when nothing is under way. */
  done(): Promise<void> {
    return this.count === 0 ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  private readonly ended = (): void => {
    this.count -= 1;
    if (this.count > 0) return;
    for (const go of this.waiting.splice(0)) go();
  };
}
