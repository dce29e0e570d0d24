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
