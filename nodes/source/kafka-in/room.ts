/** What waits until a partition may have room, and what lets it look again. */
export class Room {
  private change: { readonly over: Promise<void>; end(): void } | undefined;

  /** True while somebody waits. */
  get awaited(): boolean {
    return this.change !== undefined;
  }

  /** Resolves at the next `look`. */
  wait(): Promise<void> {
    if (this.change === undefined) {
      let end: () => void = () => undefined;
      const over = new Promise<void>((resolve) => (end = resolve));
      this.change = { over, end };
    }
    return this.change.over;
  }

  /** Lets those who wait look again. */
  look(): void {
    const { change } = this;
    this.change = undefined;
    change?.end();
  }
}
