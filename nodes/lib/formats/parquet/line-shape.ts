/**
 * The shape of a line of JSON: what stands around its values. Lines of one producer have the same names in the same
 * order with the same spaces between them, so that a line can be read by comparing these bytes with those of the one before.
 */

const [SPACE, QUOTE, COMMA, COLON, BACKSLASH, OPEN, CLOSE] = [32, 34, 44, 58, 92, 123, 125] as const;
const OPEN_LIST = 91;

export interface LineShape {
  /** Of each value the bytes before it, back to the value before. */
  readonly before: readonly Uint8Array[];
  /** Names of the values. */
  readonly names: readonly string[];
  /** The bytes behind the last value. */
  readonly after: Uint8Array;
}

/** The place of the quote that ends a text; -1 where there is an escape in it. @param at of the byte behind its first quote */
export function endOfText(line: Uint8Array, at: number): number {
  for (; at < line.length; at++) {
    const byte = line[at]!;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) break;
  }
  return -1;
}

/** The place behind a number or a literal. */
export function endOfScalar(line: Uint8Array, at: number): number {
  for (; at < line.length; at++) {
    const byte = line[at]!;
    if (byte <= SPACE || byte === COMMA || byte === CLOSE) break;
  }
  return at;
}

const skipSpaces = (line: Uint8Array, at: number): number => {
  while (line[at]! <= SPACE) at++;
  return at;
};

/**
 * @param line JSON text
 * @returns undefined for what is no object, is empty, has escapes, a name twice, or an object or a list in it
 */
export function shapeOf(line: Buffer): LineShape | undefined {
  const before: Uint8Array[] = [];
  const names: string[] = [];
  let from = 0;
  let at = skipSpaces(line, 0);
  if (line[at] !== OPEN) return undefined;
  do {
    at = skipSpaces(line, at + 1);
    if (line[at] !== QUOTE) return undefined;
    const end = endOfText(line, at + 1);
    if (end < 0) return undefined;
    names.push(line.toString("utf8", at + 1, end));
    at = skipSpaces(line, end + 1);
    if (line[at] !== COLON) return undefined;
    at = skipSpaces(line, at + 1);
    if (line[at] === OPEN || line[at] === OPEN_LIST) return undefined;
    before.push(Uint8Array.from(line.subarray(from, at)));
    from = line[at] === QUOTE ? endOfText(line, at + 1) + 1 : endOfScalar(line, at);
    if (from === 0) return undefined;
    at = skipSpaces(line, from);
  } while (line[at] === COMMA);
  if (new Set(names).size < names.length) return undefined;
  return { before, names, after: Uint8Array.from(line.subarray(from)) };
}
