/** The rows of an Avro file in a lake, each with the bytes it takes in its block. */
import { Readable } from "node:stream";
import { ByteFeed } from "../compression/byte-feed";
import { Damaged } from "../compression/damaged";
import { messageOf } from "../errors";
import { type AvroBlock, type AvroHead, avroBlocks, avroHead } from "../formats/avro-blocks";
import { AvroCursor, avroDecoder, type Decode } from "../formats/avro-values";
import type { Row } from "../files/rows";
import { fileError } from "./file-error";
import type { Place } from "./reading";
import type { ReadableStore } from "./store";

/** Rows of a list: what others on the event loop wait for. */
const LIST = 500;

/** A row and its value, which whoever takes it away may change. */
export interface DecodedRow extends Row {
  value?: { readonly payload: unknown };
}

/** Takes the value of a row away, or has it made again. */
export function valueOf<R extends DecodedRow>(row: R, again: (row: R) => unknown): unknown {
  const { value } = row;
  delete row.value;
  return value ? value.payload : again(row);
}

export class AvroRows {
  #decode: Decode | undefined;

  constructor(
    private readonly store: ReadableStore,
    private readonly path: string,
  ) {}

  /** The value of a row once more. */
  decode(row: Row): unknown {
    return this.#decode?.(new AvroCursor(row.bytes));
  }

  /** @throws FileError when the file can't be read, breaks off or is damaged */
  async *read(start: Place): AsyncGenerator<DecodedRow[], void> {
    const streams: AsyncIterable<Uint8Array>[] = [];
    const open = async (offset: number): Promise<ByteFeed> => {
      const stream = await this.store.read(this.path, offset);
      streams.push(stream);
      return new ByteFeed(stream, offset);
    };
    try {
      let feed = await open(0);
      const head = await avroHead(feed);
      this.#decode = avroDecoder(head.schema);
      if (start.offset > head.end) {
        await feed.close();
        feed = await open(start.offset);
      }
      yield* this.#rows(feed, head, start);
      await feed.close();
    } catch (error) {
      throw fileError(this.store, this.path, error);
    } finally {
      for (const stream of streams) if (stream instanceof Readable) stream.destroy();
    }
  }

  async *#rows(feed: ByteFeed, head: AvroHead, start: Place): AsyncGenerator<DecodedRow[], void> {
    // a block is left when its last row was sent: the place is then its end, or still in it
    let within = start.within ?? 0;
    let line = start.line - within;
    for await (const block of avroBlocks(feed, head)) {
      yield* this.#inBlock(block, line, within);
      line += block.count;
      within = 0;
    }
  }

  *#inBlock({ at, next, count, bytes }: AvroBlock, line: number, within: number): Generator<DecodedRow[], void> {
    const cursor = new AvroCursor(bytes);
    let rows: DecodedRow[] = [];
    for (let n = 0; n < count; n++) {
      const begin = cursor.at;
      let payload: unknown;
      try {
        payload = this.#decode?.(cursor);
      } catch (error) {
        throw new Damaged(`is damaged, at row ${line + n} in the block at byte ${at}: ${messageOf(error)}`, {
          cause: error,
        });
      }
      if (n < within) continue;
      const isLast = n + 1 === count;
      rows.push({
        bytes: bytes.subarray(begin, cursor.at),
        offset: at,
        line: line + n,
        next: isLast ? next : at,
        nextLine: line + n + 1,
        nextWithin: isLast ? 0 : n + 1,
        value: { payload },
      });
      if (rows.length < LIST) continue;
      yield rows;
      rows = [];
    }
    if (rows.length > 0) yield rows;
    if (cursor.at !== bytes.length)
      throw new Damaged(`is damaged: the block at byte ${at} holds more than the ${count} rows that it states`);
  }
}
