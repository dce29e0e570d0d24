/** How far a spool has been acknowledged, in a small file of two slots that are written in turns: a torn one is not used. */
import { open, type FileHandle } from "node:fs/promises";
import { crc32c } from "../crc32c";

const SLOT = 12;

/** The stored number; 0 when there is none. */
const newest = (bytes: Buffer): number => {
  let found = 0;
  for (let at = 0; at + SLOT <= bytes.length; at += SLOT)
    if (bytes.readUInt32LE(at + 8) === crc32c(bytes, at, at + 8)) found = Math.max(found, bytes.readDoubleLE(at));
  return found;
};

export class PositionFile {
  private turn = 0;
  private latest: number;
  private writing: Promise<void> | undefined;
  private constructor(
    private readonly handle: FileHandle,
    /** What was stored when the file was opened. */
    readonly stored: number,
  ) {
    this.latest = stored;
  }

  static async open(path: string): Promise<PositionFile> {
    const handle = await open(path, "a+").then(async (made) => {
      await made.close();
      return open(path, "r+");
    });
    return new PositionFile(handle, newest(await handle.readFile()));
  }

  /** Stores a number soon; of several only the latest. */
  store(number: number): void {
    this.latest = number;
    this.writing ??= this.write();
  }

  async close(): Promise<void> {
    await this.writing;
    await this.handle.datasync().catch(() => undefined);
    await this.handle.close();
  }

  /** A number that can't be stored is stored with the next one: after a kill more comes again. */
  private async write(): Promise<void> {
    try {
      for (let written = -1; written !== this.latest;) {
        written = this.latest;
        const slot = Buffer.alloc(SLOT);
        slot.writeDoubleLE(written, 0);
        slot.writeUInt32LE(crc32c(slot, 0, 8), 8);
        await this.handle.write(slot, 0, SLOT, this.turn * SLOT);
        this.turn = 1 - this.turn;
      }
    } catch {
      // see above
    }
    this.writing = undefined;
  }
}
