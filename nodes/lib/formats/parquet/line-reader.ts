/**
 * Reads lines of JSON that look like the one before straight into columns, without objects and texts that live for a
 * moment. What it does not know well it leaves: then the line is parsed, as every other value is.
 */
import { endOfScalar, endOfText, type LineShape, shapeOf } from "./line-shape";

/** How a field's values are taken: as they are, where the type allows, or as `read` makes them of a record. */
export type Way = "int" | "long" | "double" | "text" | "any";

export interface LineField {
  readonly name: string;
  readonly way: Way;
  /** The value as its column has it. @throws Rejected when it does not fit */
  readonly read: (record: object) => unknown;
}

/** Takes a value. */
export interface LineColumn {
  add(value: unknown): void;
  /** UTF-8 of a text. Called where the way is "text". */
  addText?(line: Buffer, from: number, to: number): void;
  /** Called where the way is "int", "long" or "double". */
  addNumber?(value: number): void;
}

/** Shapes that are looked for in the lines of one file: every further one costs more than it saves. */
const MOST_SHAPES = 32;
/** Digits that a number can always hold. */
const MOST_DIGITS = 15;
const [QUOTE, MINUS, POINT, ZERO, NINE, LOWER_N] = [34, 45, 46, 48, 57, 110] as const;
const POWERS = Array.from({ length: MOST_DIGITS + 1 }, (_, at) => 10 ** at);
/** What a value is that was read. */
const [VALUE, NUMBER, TEXT] = [0, 1, 2] as const;

interface Shape extends LineShape {
  /** Of each value the number of its field, or -1. */
  readonly fields: readonly number[];
}

export class LineReader {
  private shape: Shape | undefined;
  private shapes = 0;
  private readonly kinds: Uint8Array;
  private readonly values: unknown[];
  private readonly numbers: Float64Array;
  private readonly froms: Uint32Array;
  private readonly tos: Uint32Array;
  private readonly numberOf: ReadonlyMap<string, number>;
  /** Where `number` and `integer` have stopped. */
  private end = 0;

  constructor(private readonly fields: readonly LineField[]) {
    const { length } = fields;
    this.kinds = new Uint8Array(length);
    this.values = fields.map(() => undefined);
    this.numbers = new Float64Array(length);
    this.froms = new Uint32Array(length);
    this.tos = new Uint32Array(length);
    this.numberOf = new Map(fields.map(({ name }, at) => [name, at]));
  }

  /**
   * Reads a line into the columns, one a field.
   * @param line in which the line stands, from…to−1: it is known to be JSON text
   * @returns its size in memory, roughly, as `weigh` says; undefined where it was not read, and nothing was added
   */
  add(line: Buffer, columns: readonly LineColumn[], from = 0, to = line.length): number | undefined {
    let size = this.shape && this.read(line, from, to, this.shape);
    if (size === undefined) {
      if (this.shapes === MOST_SHAPES) return undefined;
      this.shapes++;
      this.shape = this.learn(line.subarray(from, to)) ?? this.shape;
      size = this.shape && this.read(line, from, to, this.shape);
      if (size === undefined) return undefined;
    }
    for (let at = 0; at < columns.length; at++) {
      const column = columns[at]!;
      const kind = this.kinds[at];
      if (kind === TEXT) column.addText?.(line, this.froms[at]!, this.tos[at]!);
      else if (kind === NUMBER) column.addNumber?.(this.numbers[at]!);
      else column.add(this.values[at]);
    }
    return size;
  }

  private learn(line: Buffer): Shape | undefined {
    const shape = shapeOf(line);
    if (!shape) return undefined;
    const fields = shape.names.map((name) => this.numberOf.get(name) ?? -1);
    try {
      for (const [at, field] of this.fields.entries()) {
        if (fields.includes(at)) continue;
        this.values[at] = field.read({});
        this.kinds[at] = VALUE;
      }
    } catch {
      // one that must be there is missing: who parses the line says so
      return undefined;
    }
    return { ...shape, fields };
  }

  /** @returns the size of the line; undefined where it has another shape or a value that is left to others */
  private read(line: Buffer, begin: number, end: number, { before, fields, after }: Shape): number | undefined {
    let at = begin;
    let size = 4;
    for (let i = 0; i < before.length; i++) {
      const expected = before[i]!;
      if (!stands(expected, line, at, end)) return undefined;
      const from = at + expected.length;
      at = this.value(line, from, fields[i]!);
      if (at < 0 || at > end) return undefined;
      const first = line[from];
      size += first === QUOTE ? at - from + 2 : first === LOWER_N ? 1 : 8;
    }
    return end - at === after.length && stands(after, line, at, end) ? size : undefined;
  }

  /** @returns the place behind the value; -1 where it is left to others */
  private value(line: Buffer, at: number, number: number): number {
    const isText = line[at] === QUOTE;
    if (number < 0) return isText ? endOfText(line, at + 1) + 1 || -1 : endOfScalar(line, at);
    const { name, way, read } = this.fields[number]!;
    if (way === "text" && isText) {
      const end = endOfText(line, at + 1);
      this.kinds[number] = TEXT;
      this.froms[number] = at + 1;
      this.tos[number] = end;
      return end < 0 ? -1 : end + 1;
    }
    if (way !== "text" && way !== "any" && (line[at] === MINUS || isDigit(line[at]))) {
      const value = this.number(line, at);
      if (way === "long" ? !Number.isSafeInteger(value) : way === "int" && value !== (value | 0)) return -1;
      this.kinds[number] = NUMBER;
      this.numbers[number] = value;
      return this.end;
    }
    const end = isText ? endOfText(line, at + 1) + 1 : endOfScalar(line, at);
    if (end === 0) return -1;
    try {
      this.values[number] = read({ [name]: JSON.parse(line.toString("utf8", at, end)) });
    } catch {
      return -1;
    }
    this.kinds[number] = VALUE;
    return end;
  }

  /** A number, exactly as JSON.parse reads it. Sets `end`. */
  private number(line: Buffer, from: number): number {
    const isNegative = line[from] === MINUS;
    let at = isNegative ? from + 1 : from;
    const first = at;
    let value = 0;
    for (; isDigit(line[at]); at++) value = value * 10 + line[at]! - ZERO;
    let digits = at - first;
    let beyond = 0;
    if (line[at] === POINT) {
      const point = at++;
      for (; isDigit(line[at]); at++) value = value * 10 + line[at]! - ZERO;
      beyond = at - point - 1;
      digits += beyond;
    }
    this.end = endOfScalar(line, at);
    // Both are whole numbers below 2^53, so that the quotient is rounded once: to the nearest, as it should be.
    if (digits > MOST_DIGITS || this.end > at) return Number(line.toString("latin1", from, this.end));
    if (beyond > 0) value /= POWERS[beyond]!;
    return isNegative ? -value : value;
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= NINE;

/** Whether these bytes stand at a place of the line, which ends at `end`. */
function stands(bytes: Uint8Array, line: Uint8Array, at: number, end: number): boolean {
  if (at + bytes.length > end) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== line[at + i]) return false;
  return true;
}
