/** Avro object container files (specification 1.11, "Object Container Files"). */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { compressRawSnappy } from "../compression/snappy";
import { avroEncoder, avroTarget } from "./avro-encoder";
import { packZstd } from "./packing";
import type { RecordFormat } from "./record-format";
import { type RowEncoder, type RowsOf, schemaFiles } from "./schema-file";
import { Conforming } from "./schema/conform";
import { schemaJson } from "./schema/json";
import type { RecordType } from "./schema/type";

export type AvroCodec = "none" | "deflate" | "snappy" | "zstd";

/** Bytes of a block before compression: what readers decompress at once. */
const BLOCK = 64 * 1024;

const deflate = promisify<Buffer, Buffer>(zlib.deflateRaw);

/** Names and forms of the specification ("Required Codecs", "Optional Codecs"). */
const codecs: Readonly<Record<AvroCodec, { name: string; pack(block: Buffer): Promise<Buffer> }>> = {
  none: { name: "null", pack: async (block) => block },
  deflate: { name: "deflate", pack: deflate },
  snappy: {
    name: "snappy",
    async pack(block) {
      const sum = Buffer.allocUnsafe(4);
      sum.writeUInt32BE(zlib.crc32(block));
      return Buffer.concat([compressRawSnappy(block), sum]);
    },
  },
  zstd: { name: "zstandard", pack: packZstd },
};

/** A long as Avro writes it: zigzag, seven bits a byte. Exact for what fits 52 bits. */
function longBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

const sized = (bytes: Buffer): Buffer[] => [longBytes(bytes.length), bytes];

type Row = Readonly<Record<string, unknown>>;

class AvroFile implements RowEncoder<Row> {
  private readonly encode: (row: Row) => Buffer;
  private readonly head: Buffer;
  /** Ends the head and each block. Made of the schema, so that the same records give the same file. */
  private readonly sync: Buffer;
  private readonly blocks: Promise<Buffer>[] = [];
  private rows: Buffer[] = [];
  private rowBytes = 0;

  constructor(
    schema: RecordType,
    private readonly codec: (typeof codecs)[AvroCodec],
  ) {
    this.encode = avroEncoder(schema);
    const text = JSON.stringify(schemaJson(schema));
    this.sync = createHash("md5").update(text).digest();
    const metadata = [
      ["avro.schema", text],
      ["avro.codec", codec.name],
    ].flatMap(([key = "", value = ""]) => [...sized(Buffer.from(key)), ...sized(Buffer.from(value))]);
    this.head = Buffer.concat([Buffer.from("Obj\u0001"), longBytes(2), ...metadata, longBytes(0), this.sync]);
  }

  add(row: Row): void {
    const bytes = this.encode(row);
    this.rows.push(bytes);
    this.rowBytes += bytes.length;
    if (this.rowBytes >= BLOCK) this.cut();
  }

  async content(): Promise<readonly Uint8Array[]> {
    if (this.rows.length > 0) this.cut();
    return [this.head, ...(await Promise.all(this.blocks))];
  }

  drop(): void {
    this.rows = [];
    this.blocks.length = 0;
  }

  private cut(): void {
    const count = this.rows.length;
    const block = this.codec
      .pack(Buffer.concat(this.rows))
      .then((packed) => Buffer.concat([longBytes(count), ...sized(packed), this.sync]));
    // looked at when the file is published
    block.catch(() => undefined);
    this.blocks.push(block);
    this.rows = [];
    this.rowBytes = 0;
  }
}

/** @param schema undefined: learned from the records */
export function avro(schema: RecordType | undefined, codec: AvroCodec): RecordFormat {
  const rowsOf = (type: RecordType, loose: boolean): RowsOf<Row> =>
    new Conforming(avroTarget, loose).value(type) as RowsOf<Row>;
  const begin = (type: RecordType): AvroFile => new AvroFile(type, codecs[codec]);
  return { extension: ".avro", begin: schemaFiles("Avro", { rowsOf, mangle: true, begin }, schema) };
}
