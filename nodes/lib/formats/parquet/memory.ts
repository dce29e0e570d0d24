/** Memory of columns and of whole files: it changes threads with them and comes back. Each thread has its own to spare. */
import { ByteWriter } from "../../../../vendor/parquet";
import { Spare } from "../../spare";

const LEAST = 4096;
const MOST_SPARE = 16 << 20;

export const memory = new Spare<ArrayBuffer>(
  (size) => new ArrayBuffer(size),
  ({ byteLength }) => byteLength,
  LEAST,
  MOST_SPARE,
);

/** Writes bytes one after the other into such memory. */
export class SpareWriter extends ByteWriter {
  constructor() {
    super(0);
  }

  override ensure(size: number): void {
    const needed = this.index + size;
    const before = this.buffer;
    if (needed <= before.byteLength) return;
    this.buffer = memory.take(Math.max(2 * before.byteLength, needed));
    this.view = new DataView(this.buffer);
    new Uint8Array(this.buffer).set(new Uint8Array(before, 0, this.index));
    memory.give(before);
  }
}
