/**
 * Records that came one after the other and are kept together: their bytes are made as they come, since nodes may change them
 * later; and which of them are still needed.
 */
import { DefaultDeserializer, DefaultSerializer, deserialize, serialize } from "node:v8";
import { messageOf, Rejected } from "../errors";

/** Before the values of a message: how many they are, and their bytes (4 bytes each, little endian). */
const HEAD = 8;

interface Marks {
  readonly out: readonly number[];
  readonly left: readonly (readonly [at: number, starts: readonly number[]])[];
}

export class Chunk<T> {
  /** Values in it. */
  count = 0;
  /** Of the present message: one serialiser writes what its records share once. */
  private serializer: DefaultSerializer | undefined;
  private written = 0;
  private parts: Buffer[] = [];
  private made: Buffer | undefined;
  private readonly out = new Set<number>();
  private readonly left = new Map<number, Set<number>>();

  /** @param first number of its first value, in the order in which values came */
  constructor(readonly first: number) {}

  /** Makes it again what was written; `put` gets each value that is not out, and says whether it is still needed. */
  restore(
    bytes: Buffer,
    marks: Buffer | undefined,
    put: (value: T, at: number, left: ReadonlySet<number> | undefined) => boolean,
  ): void {
    const { out, left } = (marks ? deserialize(marks) : { out: [], left: [] }) as Marks;
    for (const at of out) this.out.add(at);
    for (const [at, starts] of left) this.left.set(at, new Set(starts));
    for (let begin = 0; begin < bytes.length;) {
      const end = this.count + bytes.readUInt32LE(begin);
      const from = begin + HEAD;
      begin = from + bytes.readUInt32LE(begin + 4);
      const values = new DefaultDeserializer(bytes.subarray(from, begin));
      values.readHeader();
      for (; this.count < end; this.count++) {
        const value = values.readValue() as T;
        if (!this.out.has(this.count) && !put(value, this.count, this.left.get(this.count))) this.out.add(this.count);
      }
    }
  }

  /** Whether any of its values is needed. */
  get isNeeded(): boolean {
    return this.out.size < this.count;
  }

  /** @throws Rejected when a value is no data, such as a function */
  add(value: T): void {
    if (!this.serializer) {
      this.serializer = new DefaultSerializer();
      this.serializer.writeHeader();
    }
    try {
      this.serializer.writeValue(value);
      this.count++;
      this.written++;
    } catch (error) {
      this.withoutTornEnd();
      throw new Rejected(
        `the record can't be kept on disk: ${messageOf(error)}; take out what is no data before the window`,
        { cause: error },
      );
    }
  }

  /** The value at this place is needed no more. */
  drop(at: number): void {
    this.out.add(at);
    this.left.delete(at);
  }

  /** The value at this place has left the window that began so. */
  leave(at: number, start: number): void {
    const starts = this.left.get(at);
    if (starts) starts.add(start);
    else this.left.set(at, new Set([start]));
  }

  /** What is added after this may be the same objects as before, changed. */
  endMessage(): void {
    const values = this.serializer?.releaseBuffer();
    this.serializer = undefined;
    if (!values || this.written === 0) return;
    const head = Buffer.allocUnsafe(HEAD);
    head.writeUInt32LE(this.written, 0);
    head.writeUInt32LE(values.length, 4);
    this.parts.push(head, values);
    this.written = 0;
  }

  /** Its values; nothing can be added after this. */
  bytes(): Buffer {
    this.endMessage();
    this.made ??= Buffer.concat(this.parts);
    this.parts = [];
    return this.made;
  }

  /** Its bytes are on disk, and needed no more. */
  stored(): void {
    this.made = undefined;
  }

  /** Which of them are out, and what the others have left; undefined: all are as they came. */
  marks(): Buffer | undefined {
    if (this.out.size + this.left.size === 0) return undefined;
    const left = [...this.left].map(([at, starts]) => [at, [...starts]] as const);
    return serialize({ out: [...this.out], left } satisfies Marks);
  }

  /** The values of the message before one that could not be written, of which a part was. */
  private withoutTornEnd(): void {
    const torn = this.serializer?.releaseBuffer();
    this.serializer = undefined;
    if (!torn || this.written === 0) return;
    const from = new DefaultDeserializer(torn);
    from.readHeader();
    this.serializer = new DefaultSerializer();
    this.serializer.writeHeader();
    for (let n = 0; n < this.written; n++) this.serializer.writeValue(from.readValue());
  }
}
