/** Reads files of dead letters from where one left off, also while they are written. */
import { open } from "node:fs/promises";

/** Bytes read at a time. */
const CHUNK = 256 * 1024;

export interface Line {
  /** Position of its first byte. */
  readonly at: number;
  /** Its bytes without the line end. */
  readonly bytes: Buffer;
}

/**
 * The whole lines of a file from a position on, some at a time. What follows the last line end is left: it is being
 * written, or torn.
 */
export async function* readLines(file: string, from: number): AsyncGenerator<readonly Line[]> {
  const handle = await open(file, "r");
  try {
    let rest: Buffer = Buffer.alloc(0);
    let at = from;
    for (let position = from; ;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await handle.read(chunk, 0, CHUNK, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const lines: Line[] = [];
      let start = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
        if (end > start) lines.push({ at: at + start, bytes: bytes.subarray(start, end) });
        start = end + 1;
      }
      rest = bytes.subarray(start);
      at += start;
      if (lines.length > 0) yield lines;
    }
  } finally {
    await handle.close();
  }
}

/** A line by its position. */
export async function readLineAt(file: string, at: number, length: number): Promise<Buffer> {
  const handle = await open(file, "r");
  try {
    const bytes = Buffer.alloc(length);
    await handle.read(bytes, 0, length, at);
    return bytes;
  } finally {
    await handle.close();
  }
}
