/**
 * What Zstandard frames ask for before anything of them is unpacked (RFC 8878, 3.1.1): fzstd takes what a header says.
 */

const MAGIC = 0xfd2fb528;
/** Frames that others may put between, to be passed over: 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE = 0x184d2a50;
/** No compressed block holds more. */
const BLOCK = 128 * 1024;
const RAW = 0;
const REPEATED = 1;

const damaged = (what: string): RangeError => new RangeError(`damaged Zstandard: ${what}`);

export interface ZstdNeeds {
  /** No more bytes come of all frames. */
  readonly content: number;
  /** Bytes to look back on, of the frame that needs most. */
  readonly window: number;
}

/** @throws RangeError for bytes that are cut off or no frames */
export const zstdNeeds = (bytes: Buffer): ZstdNeeds => {
  let at = 0;
  const byte = (): number => {
    const found = bytes[at++];
    if (found === undefined) throw damaged("a frame is cut off");
    return found;
  };
  const number = (size: number): number => {
    let found = 0;
    for (let n = 0; n < size; n++) found += byte() * 256 ** n;
    return found;
  };
  let content = 0;
  let window = 0;
  while (at < bytes.length) {
    const magic = number(4);
    if ((magic & ~0xf) >>> 0 === SKIPPABLE) {
      at += number(4);
      continue;
    }
    if (magic !== MAGIC) throw damaged("no frame begins here");
    const flags = byte();
    const isSingle = (flags & 0x20) !== 0;
    const descriptor = isSingle ? 0 : byte();
    at += [0, 1, 2, 4][flags & 3]!;
    const declared = number([isSingle ? 1 : 0, 2, 4, 8][flags >>> 6]!);
    const base = 2 ** (10 + (descriptor >>> 3));
    window = Math.max(window, isSingle ? declared : base + (base / 8) * (descriptor & 7));
    for (let isLast = false; !isLast;) {
      const header = number(3);
      isLast = (header & 1) !== 0;
      const kind = (header >>> 1) & 3;
      const size = header >>> 3;
      content += kind === RAW || kind === REPEATED ? size : BLOCK;
      at += kind === REPEATED ? 1 : size;
    }
    if (flags & 4) at += 4;
  }
  if (at > bytes.length) throw damaged("a frame is cut off");
  return { content, window };
};

/** Most bytes to look back on: what Node.js and the zstd command take unless they are told otherwise. */
const MOST_WINDOW = 128 * 1024 * 1024;

/** Follows a stream of frames from header to header, so that nothing is unpacked that would take too much memory. */
export class ZstdFrames {
  /** Bytes that have passed. */
  at = 0;
  #header: number[] = [];
  /** Bytes until the next header. */
  #skip = 0;
  #inFrame = false;
  #checksum = 0;

  /** Whether the stream may end here. */
  get complete(): boolean {
    return !this.#inFrame && this.#skip === 0 && this.#header.length === 0;
  }

  /** @throws RangeError for what is no frame, or one that needs more than 128 MB to look back on */
  pass(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - i);
        this.#skip -= skipped;
        this.at += skipped;
        i += skipped;
        continue;
      }
      this.#header.push(chunk[i++]!);
      this.at++;
      if (this.#inFrame) this.#block();
      else this.#frame();
    }
  }

  #number(from: number, size: number): number {
    let found = 0;
    for (let n = 0; n < size; n++) found += this.#header[from + n]! * 256 ** n;
    return found;
  }

  #frame(): void {
    const { length } = this.#header;
    if (length < 4) return;
    const magic = this.#number(0, 4);
    if ((magic & ~0xf) >>> 0 === SKIPPABLE) {
      if (length < 8) return;
      this.#skip = this.#number(4, 4);
      this.#header = [];
      return;
    }
    if (magic !== MAGIC) throw damaged("no frame begins here");
    if (length < 5) return;
    const flags = this.#header[4]!;
    const isSingle = (flags & 0x20) !== 0;
    const dictionary = [0, 1, 2, 4][flags & 3]!;
    const size = [isSingle ? 1 : 0, 2, 4, 8][flags >>> 6]!;
    const whole = 5 + (isSingle ? 0 : 1) + dictionary + size;
    if (length < whole) return;
    if (dictionary > 0 && this.#number(whole - size - dictionary, dictionary) !== 0)
      throw new RangeError("Zstandard with a dictionary, which nobody but its writer has");
    const descriptor = this.#header[5]!;
    const base = 2 ** (10 + (descriptor >>> 3));
    const window = isSingle ? this.#number(whole - size, size) : base + (base / 8) * (descriptor & 7);
    if (window > MOST_WINDOW)
      throw new RangeError(
        `Zstandard that needs ${Math.ceil(window / 2 ** 20)} MB to look back on, where 128 MB are the most`,
      );
    this.#checksum = flags & 4;
    this.#inFrame = true;
    this.#header = [];
  }

  #block(): void {
    if (this.#header.length < 3) return;
    const header = this.#number(0, 3);
    const kind = (header >>> 1) & 3;
    if (kind === 3) throw damaged("a block of a kind that does not exist");
    this.#skip = kind === REPEATED ? 1 : header >>> 3;
    this.#header = [];
    if ((header & 1) === 0) return;
    this.#inFrame = false;
    this.#skip += this.#checksum;
  }
}
