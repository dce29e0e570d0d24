/** How far a check has come, on one line of a terminal or now and then in a log. */
import type { CompletenessCheck } from "../stream/completeness/check";

/** ms between two reports. */
const TERMINAL = 250;
const LOG = 10_000;

export class Progress {
  readonly #began = performance.now();
  readonly #total: number;
  #read = 0;
  #next: number;

  constructor(
    private readonly out: NodeJS.WritableStream & { isTTY?: boolean },
    files: readonly { readonly size: number }[],
    private readonly check: CompletenessCheck,
  ) {
    this.#total = files.reduce((sum, { size }) => sum + size, 0);
    this.#next = this.#began + this.#every;
  }

  get #every(): number {
    return this.out.isTTY ? TERMINAL : LOG;
  }

  read(bytes: number): void {
    this.#read += bytes;
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + this.#every;
    this.#say(now);
  }

  end(): void {
    this.#say(performance.now());
    if (this.out.isTTY) this.out.write("\n");
  }

  #say(now: number): void {
    const seconds = (now - this.#began) / 1_000;
    const share = this.#total === 0 ? 100 : Math.floor((this.#read / this.#total) * 100);
    const { rows } = this.check;
    const rate = seconds > 0 ? Math.round(rows / seconds / 1_000) : 0;
    const text = `${share} %  ${rows.toLocaleString("en-US")} rows  ${rate.toLocaleString("en-US")},000 rows/s  ${seconds.toFixed(1)} s`;
    this.out.write(this.out.isTTY ? `\r${text}\u001b[K` : `${text}\n`);
  }
}
