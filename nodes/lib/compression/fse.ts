/** Encoding by finite state entropy, as zstd's sequences need it (RFC 8878, section 4.1), with a table given in advance. */

/** Bits written from the lowest up; a decoder reads them from the end. */
export class BitWriter {
  private bits = 0;
  private count = 0;
  constructor(
    private readonly into: Uint8Array,
    public at: number,
  ) {}

  /** Writes the lowest `count` bits of a value, at most 16. */
  add(value: number, count: number): void {
    this.bits |= (value & ((1 << count) - 1)) << this.count;
    this.count += count;
    for (; this.count >= 8; this.count -= 8) {
      this.into[this.at++] = this.bits & 0xff;
      this.bits >>>= 8;
    }
  }

  /** Marks the end by a bit. @returns where the stream ends */
  close(): number {
    this.add(1, 1);
    if (this.count > 0) this.into[this.at++] = this.bits & 0xff;
    return this.at;
  }
}

export interface FseTable {
  readonly log: number;
  /** Next states, symbol by symbol. */
  readonly states: Uint16Array;
  readonly deltaBits: Int32Array;
  readonly deltaState: Int32Array;
}

/** @param counts of each symbol, of 2^log; −1 stands for less than one */
export const makeFseTable = (log: number, counts: readonly number[]): FseTable => {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  let high = size - 1;
  for (const [symbol, count] of counts.entries()) if (count === -1) symbols[high--] = symbol;
  let at = 0;
  for (const [symbol, count] of counts.entries())
    for (let i = 0; i < count; i++) {
      symbols[at] = symbol;
      do at = (at + (size >> 1) + (size >> 3) + 3) & (size - 1);
      while (at > high);
    }
  const starts: number[] = [];
  const deltaBits = new Int32Array(counts.length);
  const deltaState = new Int32Array(counts.length);
  let total = 0;
  for (const [symbol, count] of counts.entries()) {
    starts.push(total);
    const own = Math.abs(count);
    const most = own < 2 ? log : log - (31 - Math.clz32(own - 1));
    deltaBits[symbol] = (most << 16) - (own << most);
    deltaState[symbol] = total - own;
    total += own;
  }
  const states = new Uint16Array(size);
  for (let i = 0; i < size; i++) states[starts[symbols[i]!]!++] = size + i;
  return { log, states, deltaBits, deltaState };
};

/** Encodes the symbols of one table, the last one first. */
export class FseEncoder {
  private state: number;
  constructor(
    private readonly table: FseTable,
    symbol: number,
  ) {
    const delta = table.deltaBits[symbol]!;
    const bits = (delta + 0x8000) >> 16;
    this.state = table.states[(((bits << 16) - delta) >> bits) + table.deltaState[symbol]!]!;
  }

  add(symbol: number, to: BitWriter): void {
    const { deltaBits, deltaState, states } = this.table;
    const bits = (this.state + deltaBits[symbol]!) >> 16;
    to.add(this.state, bits);
    this.state = states[(this.state >> bits) + deltaState[symbol]!]!;
  }

  close(to: BitWriter): void {
    to.add(this.state, this.table.log);
  }
}
