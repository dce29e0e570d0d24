/**
 * A file of kept states: frames, each a checkpoint. A frame's content is the length of its head (4 bytes, little endian),
 * the head as JSON, and the states that the head names, one after the other.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { FRAME, remains } from "../spool/frames";
import { readEntries } from "../spool/segments";
import type { Contained } from "./contained";

export interface Head {
  /** ms since the epoch */
  readonly time: number;
  readonly keys: readonly string[];
  /** Bytes of each key's state. */
  readonly sizes: readonly number[];
  /** When states that were only carried from an older file were written; they are the last of `keys`. */
  readonly times?: readonly number[];
  /** Keys that have no state any more. */
  readonly removed?: readonly string[];
  /** Records contained since the frame before. */
  readonly added?: readonly Contained[];
  /** Of a file's first frame: what the states are, and all contained records. */
  readonly format?: string;
  readonly all?: readonly Contained[];
}

export interface Frame {
  readonly head: Head;
  /** Where the first state lies in the file. */
  readonly at: number;
  /** Where the frame ends. */
  readonly end: number;
}

const LENGTH = 4;
const ENDING = ".state";

export const segmentName = (number: number): string => `${String(number).padStart(10, "0")}${ENDING}`;

/** The number in a file's name; NaN for other files. */
const numberOf = (name: string): number => (name.endsWith(ENDING) ? Number(name.slice(0, -ENDING.length)) : NaN);

/** The numbers of a folder's files, in the order in which they were begun. */
export const segmentNumbers = (names: readonly string[]): number[] =>
  names
    .map(numberOf)
    .filter(Number.isSafeInteger)
    .sort((a, b) => a - b);

/**
 * A frame's content, and where its states begin in it.
 *
 * @param contained the elements of the head's `added` or `all` as JSON, put into it as they are
 */
export const contentOf = (
  head: Head,
  contained: { readonly name: "added" | "all"; readonly elements: readonly string[] },
  states: readonly Buffer[],
): { content: Buffer; from: number } => {
  const { name, elements } = contained;
  const text = Buffer.from(`${JSON.stringify(head).slice(0, -1)},"${name}":[${elements.join(",")}]}`);
  const length = Buffer.alloc(LENGTH);
  length.writeUInt32LE(text.length);
  return { content: Buffer.concat([length, text, ...states]), from: LENGTH + text.length };
};

/** One file of a store. */
export class Segment {
  /** Bytes of states that are still their key's. */
  live = 0;
  /** Where the next frame begins. */
  end = 0;
  private descriptor: number | undefined;

  constructor(
    readonly number: number,
    directory: string,
    readonly file = path.join(directory, segmentName(number)),
  ) {}

  /** A state's bytes, read at once. @throws Error when the file can't be read */
  read(at: number, size: number): Buffer {
    this.descriptor ??= openSync(this.file, "r");
    const bytes = Buffer.allocUnsafe(size);
    for (let read = 0; read < size;) {
      const more = readSync(this.descriptor, bytes, read, size - read, at + read);
      if (more === 0) throw new Error(`${this.file} ends before byte ${at + size}`);
      read += more;
    }
    return bytes;
  }

  /**
   * Its frames from the first on; at the end the byte after which whole frames are lost, since it is damaged there. A
   * frame that was torn by a kill in mid-write is none: nobody was told that it is durable.
   */
  async *frames(): AsyncGenerator<Frame, number | undefined> {
    const { size } = await stat(this.file);
    for (let at = 0; at < size;) {
      const { contents } = await readEntries(this.file, at, size);
      if (contents.length === 0) return (await this.hasWhole(at)) ? at : undefined;
      for (const content of contents) {
        const length = content.readUInt32LE(0);
        const head = JSON.parse(content.toString("utf8", LENGTH, LENGTH + length)) as Head;
        const end = at + FRAME + content.length;
        yield { head, at: at + FRAME + LENGTH + length, end };
        at = end;
      }
    }
    return undefined;
  }

  private async hasWhole(from: number): Promise<boolean> {
    return remains((await readFile(this.file)).subarray(from)).whole > 0;
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}
