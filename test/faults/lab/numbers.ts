/** Numbered records with a checksum, and the count of what became of them. Knows nothing of what is under test. */
import { crc32 } from "node:zlib";

/** What an observer says of one place where records arrive. */
export interface Counts {
  readonly sent: number;
  /** Records found, repeated ones each time. */
  readonly arrived: number;
  readonly missing: number;
  /** Arrivals beyond the first of each record. */
  readonly repeated: number;
  /** Sound records with a number that nobody sent. */
  readonly invented: number;
  /** What is not a record as it was sent: no JSON, no number, a checksum that does not fit. */
  readonly damaged: number;
}

const checksum = (seed: string, n: number): string => crc32(`${seed}/${n}`).toString(16).padStart(8, "0");

/** The n-th record's value, of about `bytes` bytes. `seed` tells the records of one trial from those of others. */
export function valueOf(seed: string, n: number, bytes = 0): string {
  const value = `{"n":${n},"c":"${checksum(seed, n)}"`;
  const room = bytes - value.length - 8;
  return room > 0 ? `${value},"p":"${"x".repeat(room)}"}` : `${value}}`;
}

/** What of an array of numbers an error message can hold. */
export const some = (numbers: readonly number[]): string =>
  numbers.slice(0, 10).join(", ") + (numbers.length > 10 ? ", …" : "");

export class Tally {
  /** Arrivals by number. */
  #arrivals = new Uint16Array(1024);
  #arrived = 0;
  #repeated = 0;
  #damaged = 0;
  readonly #invented: number[] = [];
  readonly #broken: string[] = [];

  constructor(private readonly seed: string) {}

  /**
   * Judges one record as found: its text, or the object that its JSON stands for. Gives its number, or undefined when it
   * is damaged.
   */
  see(found: unknown): number | undefined {
    this.#arrived++;
    const value = typeof found === "string" ? parsed(found) : found;
    const { n, c } = (typeof value === "object" && value !== null ? value : {}) as { n?: unknown; c?: unknown };
    if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 0 || n > 1e8 || c !== checksum(this.seed, n)) {
      this.#damaged++;
      if (this.#broken.length < 5) this.#broken.push(JSON.stringify(found)?.slice(0, 100) ?? String(found));
      return undefined;
    }
    if (n >= this.#arrivals.length) {
      const larger = new Uint16Array(Math.max(n + 1, this.#arrivals.length * 2));
      larger.set(this.#arrivals);
      this.#arrivals = larger;
    }
    const before = this.#arrivals[n] ?? 0;
    this.#arrivals[n] = before + 1;
    if (before > 0) this.#repeated++;
    return n;
  }

  has(n: number): boolean {
    return this.timesOf(n) > 0;
  }

  timesOf(n: number): number {
    return this.#arrivals[n] ?? 0;
  }

  /** The numbers below `sent` that never came. */
  missing(sent: number): number[] {
    const missing: number[] = [];
    for (let n = 0; n < sent; n++) if (!this.has(n)) missing.push(n);
    return missing;
  }

  counts(sent: number): Counts {
    this.#invented.length = 0;
    for (let n = sent; n < this.#arrivals.length; n++)
      for (let times = this.timesOf(n); times > 0; times--) this.#invented.push(n);
    return {
      sent,
      arrived: this.#arrived,
      missing: this.missing(sent).length,
      repeated: this.#repeated,
      invented: this.#invented.length,
      damaged: this.#damaged,
    };
  }

  /** What is wrong, in words; empty when every record sent has arrived sound. Repeats are not judged here. */
  faults(where: string, sent: number): string[] {
    const missing = this.missing(sent);
    const { invented, damaged } = this.counts(sent);
    return [
      ...(missing.length > 0 ? [`${where}: ${missing.length} of ${sent} missing: ${some(missing)}`] : []),
      ...(invented > 0 ? [`${where}: ${invented} invented: ${some(this.#invented)}`] : []),
      ...(damaged > 0 ? [`${where}: ${damaged} damaged: ${this.#broken.join(" ")}`] : []),
    ];
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
