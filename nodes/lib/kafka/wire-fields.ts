/** Fields of Kafka's protocol, written and read: https://kafka.apache.org/protocol#protocol_types */

/** Writes a request's body; `compact` strings and arrays are those of flexible versions (KIP-482). */
export class FieldWriter {
  private readonly parts: Buffer[] = [];

  private fixed(size: number, write: (bytes: Buffer) => void): this {
    const bytes = Buffer.allocUnsafe(size);
    write(bytes);
    this.parts.push(bytes);
    return this;
  }
  boolean(value: boolean): this {
    return this.fixed(1, (bytes) => bytes.writeInt8(value ? 1 : 0));
  }
  int16(value: number): this {
    return this.fixed(2, (bytes) => bytes.writeInt16BE(value));
  }
  int32(value: number): this {
    return this.fixed(4, (bytes) => bytes.writeInt32BE(value));
  }
  int64(value: bigint): this {
    return this.fixed(8, (bytes) => bytes.writeBigInt64BE(value));
  }
  unsigned(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
    bytes.push(rest);
    this.parts.push(Buffer.from(bytes));
    return this;
  }
  text(value: string): this {
    const bytes = Buffer.from(value);
    this.int16(bytes.length).parts.push(bytes);
    return this;
  }
  compactText(value: string | null): this {
    if (value === null) return this.unsigned(0);
    const bytes = Buffer.from(value);
    this.unsigned(bytes.length + 1).parts.push(bytes);
    return this;
  }
  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }
  compactArray<T>(items: readonly T[], write: (item: T) => void): this {
    this.unsigned(items.length + 1);
    for (const item of items) write(item);
    return this;
  }
  /** No tagged fields: ends each structure of a flexible version, and stands before its body. */
  noTags(): this {
    return this.unsigned(0);
  }
  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

/** Reads a response's body. */
export class FieldReader {
  private at = 0;
  constructor(private readonly data: Buffer) {}

  int16(): number {
    return this.data.readInt16BE((this.at += 2) - 2);
  }
  int32(): number {
    return this.data.readInt32BE((this.at += 4) - 4);
  }
  int64(): bigint {
    return this.data.readBigInt64BE((this.at += 8) - 8);
  }
  unsigned(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.data.readUInt8(this.at++);
      value += (byte & 0x7f) * factor;
      if (byte < 128) return value;
    }
  }
  text(): string {
    return this.take(this.int16());
  }
  compactText(): string {
    return this.take(this.unsigned() - 1);
  }
  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }
  compactArray<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.unsigned() - 1) }, read);
  }
  /** Passes over tagged fields. */
  tags(): void {
    for (let left = this.unsigned(); left > 0; left--) {
      this.unsigned();
      this.at += this.unsigned();
    }
  }
  /** As Kafka writes it, in URL-safe Base64. */
  uuid(): string {
    return this.data.toString("base64url", this.at, (this.at += 16));
  }
  private take(length: number): string {
    return this.data.toString("utf8", this.at, (this.at += Math.max(0, length)));
  }
}
