/** Which records of one topic partition a file holds: their offsets, and which piece of a split record each one is. */
import { type Ascending, Ranges } from "../ranges";
import type { OffsetIndex } from "./stored";

export class FileOffsets {
  /** Records that were not split, and first pieces. */
  private readonly whole = new Ranges();
  /** Further pieces, by number. */
  private readonly pieces = new Map<number, Ranges>();

  add(offset: number, piece: number): void {
    if (piece === 0) {
      this.whole.add(offset);
      return;
    }
    let found = this.pieces.get(piece);
    if (!found) this.pieces.set(piece, (found = new Ranges()));
    found.add(offset);
  }

  /** Adds ascending offsets, from…to−1 of them, at least one. */
  addAll(offsets: Ascending, from: number, to: number, piece: number): void {
    if (piece === 0) this.whole.addAll(offsets, from, to);
    else for (let at = from; at < to; at++) this.add(offsets.offset(at), piece);
  }

  has(offset: number, piece: number): boolean {
    return piece === 0 ? this.whole.has(offset) : (this.pieces.get(piece)?.has(offset) ?? false);
  }

  /** The lowest offset; Infinity where there is none. */
  get first(): number {
    return this.all().reduce((least, { first }) => Math.min(least, first), Infinity);
  }

  /** The highest offset; −1 where there is none. */
  get last(): number {
    return this.all().reduce((most, { last }) => Math.max(most, last), -1);
  }

  /** What is inside exactly; undefined when the offsets from the first to the last say it all. */
  index(): OffsetIndex | undefined {
    let offsets = this.whole;
    if (this.pieces.size > 0) {
      offsets = new Ranges();
      for (const part of this.all()) for (const offset of part.numbers()) offsets.add(offset);
    }
    const ranges = [...offsets.entries()];
    const split: Record<string, number[]> = {};
    for (const [piece, part] of this.pieces)
      for (const offset of part.numbers()) (split[offset] ??= this.whole.has(offset) ? [0] : []).push(piece);
    for (const found of Object.values(split)) found.sort((a, b) => a - b);
    if (this.pieces.size > 0) return { ranges, pieces: split };
    return ranges.length > 1 ? { ranges } : undefined;
  }

  private all(): Ranges[] {
    return [this.whole, ...this.pieces.values()];
  }
}
