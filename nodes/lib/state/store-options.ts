/** What a store of states is told. */

/** How states become bytes and come back. */
export interface Codec {
  encode(state: unknown): Buffer;
  decode(bytes: Buffer): unknown;
}

export const jsonCodec: Codec = {
  encode: (state) => Buffer.from(JSON.stringify(state)),
  decode: (bytes) => JSON.parse(bytes.toString()) as unknown,
};

/** How what was said of records becomes JSON and comes back, of one file, in its order: what they share is written once. */
export interface ResultCodec {
  encode(result: unknown): unknown;
  decode(value: unknown): unknown;
}

export interface StoreOptions {
  /** Made when missing; one store a folder. */
  readonly directory: string;
  /** What the states are: those of another format are set aside. */
  readonly format: string;
  /** A state that was not written for so long is gone, ms of the clock. */
  readonly ttl: number;
  /** Keys; beyond, those not written for longest go. */
  readonly most: number;
  /** Bytes after which a new file begins; 16 MB when absent. */
  readonly segmentBytes?: number;
  /** JSON when absent. */
  readonly codec?: Codec;
  /** Made for each file. What was said is written as it is when absent. */
  readonly results?: () => ResultCodec;
  warn(text: string): void;
}
