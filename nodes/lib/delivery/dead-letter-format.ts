/**
 * Dead letters as lines of JSON, for people, jq and replay. What JSON can't say is tagged: `{"$base64": …}` bytes,
 * `{"$number": "NaN"}`, `{"$bigint": …}`, `{"$date": …}`. An object of the record's own that looks like a tag, such as a
 * date in MongoDB's extended JSON, is wrapped: `{"$literal": {"$date": …}}`. What can't be kept at all is named in brackets.
 */
import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { messageOf } from "../errors";
import { TOKEN, type DeadLetter, type Message, type OriginalBytes } from "./contract";
import { originalsOf } from "./originals";

const LITERAL = "$literal";
const TAGS = new Set(["$base64", "$number", "$bigint", "$date", LITERAL]);

/** Whether an object of JSON would be taken for one of the tags. */
const looksTagged = (value: object): boolean => {
  const [key, ...others] = Object.keys(value);
  return key !== undefined && others.length === 0 && TAGS.has(key);
};

/** Nesting beyond this is shown as text: nothing that a record carries is as deep. */
const DEEPEST = 200;

/** Objects of a connection (an http request, a socket) that messages sometimes carry: named, not kept. */
const isForeign = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && prototype !== Object.prototype && !Array.isArray(value);
};

const encodeObject = (value: object, above: object[]): unknown => {
  if (above.includes(value)) return "[circular]";
  if (above.length >= DEEPEST) return `[too deep] ${inspect(value, { depth: 1, maxStringLength: 200 })}`;
  if (ArrayBuffer.isView(value))
    return { $base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  if (value instanceof ArrayBuffer) return { $base64: Buffer.from(value).toString("base64") };
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  const path = [...above, value];
  if (Array.isArray(value)) return value.map((each) => encode(each, path) ?? null);
  if (value instanceof Map) return encode(Object.fromEntries(value), path);
  if (value instanceof Set) return encode([...value], path);
  if ("toJSON" in value && typeof value.toJSON === "function") return encode((value.toJSON as () => unknown)(), path);
  if (isForeign(value) && "on" in value) return `[${value.constructor.name}]`;
  const encoded: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    try {
      const one = encode((value as Record<string, unknown>)[key], path);
      // Assigning would call the setter of `__proto__`, which records from outside may carry as a key.
      if (one !== undefined) Object.defineProperty(encoded, key, { value: one, enumerable: true });
    } catch (error) {
      encoded[key] = `[unreadable: ${messageOf(error)}]`;
    }
  }
  return looksTagged(encoded) ? { [LITERAL]: encoded } : encoded;
};

/** A value as JSON can say it, bytes and the like tagged. */
export const encode = (value: unknown, above: object[] = []): unknown => {
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (Object.is(value, -0)) return { $number: "-0" };
  if (typeof value === "bigint") return { $bigint: value.toString() };
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  return typeof value === "object" && value !== null ? encodeObject(value, above) : value;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const decodeAll = (value: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).map(([name, each]) => [name, decode(each)]));

/** What a tag stands for; undefined when the object only resembles one. */
const untagged = (key: string, tagged: unknown): unknown => {
  if (key === LITERAL) return isObject(tagged) && looksTagged(tagged) ? decodeAll(tagged) : undefined;
  if (key === "$date" && tagged === null) return new Date(NaN);
  if (typeof tagged !== "string") return undefined;
  if (key === "$base64") return Buffer.from(tagged, "base64");
  if (key === "$number") return Number(tagged);
  if (key === "$bigint") return /^-?\d+$/u.test(tagged) ? BigInt(tagged) : undefined;
  return new Date(tagged);
};

/** The value that `encode` was given, as far as it was kept. */
export const decode = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(decode);
  if (!isObject(value)) return value;
  const [key] = Object.keys(value);
  const meant = key !== undefined && looksTagged(value) ? untagged(key, value[key]) : undefined;
  return meant ?? decodeAll(value);
};

/** A letter as it is written again: its error is one once more. */
export const letterOf = ({ error, time, ...stored }: StoredDeadLetter): DeadLetter => {
  const failure = new Error(error.message);
  Object.defineProperty(failure, "name", { value: error.name, configurable: true });
  if (error.stack === undefined) delete failure.stack;
  else failure.stack = error.stack;
  return { ...stored, error: failure, time: Date.parse(time) };
};

/** One line, without its line end. Never throws: what can't be encoded is described. */
export const encodeDeadLetter = (letter: DeadLetter): string => {
  const { id, message, error, node, attempts, time } = letter;
  const originals = originalsOf(letter);
  const about = {
    id: id ?? randomUUID(),
    time: new Date(time).toISOString(),
    error: { name: error.name, message: error.message, stack: error.stack },
    ...(node && { node: { id: node.id, type: node.type, ...(node.name && { name: node.name }) } }),
    attempts,
  };
  const { [TOKEN]: _token, ...kept } = message;
  try {
    return JSON.stringify({
      ...about,
      message: encode(kept, []),
      ...(originals && { originals: encode(originals) }),
    });
  } catch (problem) {
    const text = inspect(kept, { depth: 4, maxStringLength: 100_000, maxArrayLength: 10_000 });
    return JSON.stringify({ ...about, message: { payload: text }, unserialisable: messageOf(problem) });
  }
};

export interface StoredDeadLetter {
  /** Absent in letters of the first version. */
  readonly id?: string;
  readonly time: string;
  readonly error: { readonly name: string; readonly message: string; readonly stack?: string };
  readonly node?: { readonly id: string; readonly type: string; readonly name?: string };
  readonly attempts: number;
  readonly message: Message;
  readonly originals?: readonly OriginalBytes[];
}

/**
 * Reads a line back, bytes and numbers restored.
 * @throws SyntaxError when the line is torn: the process was killed while it wrote, and the record was not acknowledged.
 */
export const decodeDeadLetter = (line: string): StoredDeadLetter => {
  const { originals, ...stored } = JSON.parse(line) as StoredDeadLetter;
  return {
    ...stored,
    message: decode(stored.message) as Message,
    ...(originals && { originals: decode(originals) as OriginalBytes[] }),
  };
};
