/** A column's values as indexes into a dictionary (parquet-format, Encodings.md: RLE_DICTIONARY), where that is less. */
import type { PlainValues } from "./plain-values";

export interface Dictionary {
  /** Which values are in it, in the order of their first appearance. */
  readonly entries: Uint32Array;
  /** Of each value. */
  readonly indexes: Uint32Array;
  readonly bitWidth: number;
}

/** Values that are looked at first, all over the column. */
const SAMPLE = 1000;
/** Where more of a sample's bytes than this are those of distinct values, no dictionary is tried. */
const REJECTED = 0.9;

/** Finds equal values, by open addressing. */
class Distinct {
  readonly entries: Uint32Array;
  count = 0;
  bytes = 0;
  private readonly slots: Int32Array;

  /** @param most values that are looked up */
  constructor(
    private readonly values: PlainValues,
    most: number,
  ) {
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * most + 1))).fill(-1);
    this.entries = new Uint32Array(most);
  }

  /** @returns the number of the entry that the value is */
  add(index: number): number {
    const { slots, values, entries } = this;
    const mask = slots.length - 1;
    for (let slot = values.hash(index) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === -1) {
        slots[slot] = this.count;
        entries[this.count] = index;
        this.bytes += values.size(index);
        return this.count++;
      }
      if (values.equal(entries[entry]!, index)) return entry;
    }
  }
}

/** Whether a sample over all of the column holds about as many distinct values as values. */
function isDiverse(values: PlainValues): boolean {
  const size = Math.min(values.count, SAMPLE);
  const distinct = new Distinct(values, size);
  let bytes = 0;
  for (let i = 0; i < size; i++) {
    const index = Math.floor((i * values.count) / size);
    distinct.add(index);
    bytes += values.size(index);
  }
  return distinct.bytes > REJECTED * bytes;
}

/** Undefined where a dictionary and its indexes would not halve what the values take. */
export function dictionaryOf(values: PlainValues): Dictionary | undefined {
  const { count } = values;
  const most = values.bytes.length / 2;
  if (count === 0 || isDiverse(values)) return undefined;
  const distinct = new Distinct(values, count);
  const indexes = new Uint32Array(count);
  for (let index = 0; index < count; index++) {
    indexes[index] = distinct.add(index);
    if (distinct.bytes > most) return undefined;
  }
  const bitWidth = Math.ceil(Math.log2(distinct.count));
  if (distinct.bytes + (count * bitWidth) / 8 > most) return undefined;
  return { entries: distinct.entries.slice(0, distinct.count), indexes, bitWidth };
}
