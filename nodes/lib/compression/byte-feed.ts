/** Takes bytes from a stream in the portions that a format asks for. */
import { Damaged } from "./damaged";

const NOTHING = Buffer.alloc(0);

export class ByteFeed {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = NOTHING;

  /** @param at where in the file the stream begins, in bytes */
  constructor(
    source: AsyncIterable<Uint8Array>,
    private taken = 0,
  ) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Where in the file the next byte stands. */
  get at(): number {
    return this.taken;
  }

  /** Whether nothing follows. */
  async ended(): Promise<boolean> {
    while (this.#held.length === 0) if (!(await this.#more())) return true;
    return false;
  }

  /** The next bytes, exactly so many. @throws Damaged when fewer are left */
  async take(count: number): Promise<Buffer> {
    if (this.#held.length < count) await this.#gather(count);
    const bytes = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    this.taken += count;
    return bytes;
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #gather(count: number): Promise<void> {
    const parts = [this.#held];
    let held = this.#held.length;
    while (held < count) {
      this.#held = NOTHING;
      if (!(await this.#more())) throw new Damaged(`ends too early, after byte ${this.taken + held}`);
      parts.push(this.#held);
      held += this.#held.length;
    }
    this.#held = Buffer.concat(parts, held);
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done) return false;
    this.#held = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return true;
  }
}
