/** Series and windows as a store keeps them: floats in the order of bytes of the machine, as state stays on it. */
import type { Codec, ResultCodec } from "../state/store-options";
import { roomOf, type Grid, type Joined, type Rows, type Series } from "./history";

const FLOAT = Float32Array.BYTES_PER_ELEMENT;
/** Before the rows: latest step, stale readings and the step of the last of them, as doubles. */
const HEAD = 24;

const bytesOf = (floats: Float32Array): Buffer => Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);

/** Readings as bytes and back, through an array of its own: small arrays lie in V8's heap only until their buffer is asked for. */
function readingBytes(width: number) {
  const floats = new Float32Array(width);
  const bytes = bytesOf(floats);
  return {
    write(reading: Float32Array, to: Buffer, at: number): void {
      floats.set(reading);
      bytes.copy(to, at);
    },
    read(from: Buffer, at: number): Float32Array {
      from.copy(bytes, 0, at, at + bytes.length);
      return floats.slice();
    },
  };
}

/** What a window needs of a series, and the series' place in time. */
export function seriesCodec(grid: Grid): Codec {
  const row = grid.width * FLOAT;
  const reading = readingBytes(grid.width);
  return {
    encode(state) {
      const { latest, stale, staleStep, rows, count, newest } = state as Series;
      const there = Math.min(count, grid.kept - 1);
      const bytes = Buffer.allocUnsafe(HEAD + (there + 1) * row);
      [latest, stale, staleStep].forEach((value, at) => bytes.writeDoubleLE(value, at * 8));
      bytesOf(rows.values).copy(bytes, HEAD, (count - there) * row, count * row);
      reading.write(newest, bytes, HEAD + there * row);
      return bytes;
    },
    decode(bytes): Series {
      const [latest = 0, stale = 0, staleStep = 0] = [0, 1, 2].map((at) => bytes.readDoubleLE(at * 8));
      const end = bytes.length - row;
      const count = (end - HEAD) / row;
      const rows = { values: new Float32Array((count + roomOf(grid)) * grid.width), used: count };
      bytes.copy(bytesOf(rows.values), 0, HEAD, end);
      return { latest, stale, staleStep, rows, count, newest: reading.read(bytes, end) };
    },
  };
}

/** `[event time, number of the rows, those before the newest, base64 of the rows that are new here and of the newest]`. */
type Told = readonly [at: number, number: number, count: number, floats: string];

/**
 * What became of readings: windows that share rows share them in a file as well, so that a record takes little more than its
 * reading. A number alone is the event time of one that came late.
 */
export function joinedCodec(grid: Grid): () => ResultCodec {
  const { width, kept } = grid;
  const row = width * FLOAT;
  const reading = readingBytes(width);
  return () => {
    const known = new WeakMap<Rows, { readonly number: number; readonly first: number; written: number }>();
    const read = new Map<number, { readonly rows: Rows; readonly first: number }>();
    let next = 0;

    /** Where rows begin in the file, and up to where they are in it. */
    function inFile(rows: Rows, first: number) {
      const found = known.get(rows);
      if (found && found.first <= first) return found;
      const made = { number: next++, first, written: first };
      known.set(rows, made);
      return made;
    }

    return {
      encode(result): number | Told {
        const { at, window } = result as Joined;
        if (!window) return at;
        const { rows, count, newest } = window;
        const there = inFile(rows, Math.max(0, count - kept + 1));
        const from = Math.min(count, there.written);
        there.written = Math.max(count, there.written);
        const floats = Buffer.allocUnsafe((count - from + 1) * row);
        bytesOf(rows.values).copy(floats, 0, from * row, count * row);
        reading.write(newest, floats, floats.length - row);
        return [at, there.number, count, floats.toString("base64")];
      },
      decode(value): Joined {
        if (typeof value === "number") return { at: value };
        const [at, number, count, text] = value as Told;
        const bytes = Buffer.from(text, "base64");
        const end = bytes.length - row;
        let there = read.get(number);
        if (!there) {
          const rows = { values: new Float32Array((kept - 1 + roomOf(grid)) * width), used: 0 };
          there = { rows, first: count - end / row };
          read.set(number, there);
        }
        const { rows, first } = there;
        if (end > 0) {
          bytes.copy(bytesOf(rows.values), rows.used * row, 0, end);
          rows.used += end / row;
        }
        return { at, window: { rows, count: count - first, newest: reading.read(bytes, end) } };
      },
    };
  };
}
