/**
 * What a message carries, as bytes and back, whole: buffers, dates, typed arrays, maps, sets, big integers and the rest
 * of what structured cloning keeps. What would come back as something else (an instance of a class, a function, http in's
 * `req` and `res`) is left where it is.
 */
import { types } from "node:util";
import { deserialize, serialize } from "node:v8";

/** Nesting beyond this is left in memory: nothing that a record carries is as deep. */
const DEEPEST = 100;
/** What a value that is not looked into counts, in bytes. */
const FOREIGN = 1024;
/** What a property or an element takes beside its value, in bytes. */
const SLOT = 8;

/** Function nodes make their objects in a realm of their own, so prototypes are known by what they are, not which. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "hasOwnProperty");
};

const bytesOfObject = (value: object, depth: number): number => {
  if (ArrayBuffer.isView(value)) return types.isSharedArrayBuffer(value.buffer) ? -1 : value.byteLength + SLOT;
  if (types.isArrayBuffer(value)) return value.byteLength + SLOT;
  if (types.isDate(value)) return 2 * SLOT;
  if (depth >= DEEPEST) return -1;
  if (types.isMap(value)) return bytesOfAll([...value].flat(), depth);
  if (types.isSet(value)) return bytesOfAll([...value], depth);
  if (Array.isArray(value)) return bytesOfAll(value, depth);
  if (!isPlain(value) || Object.getOwnPropertySymbols(value).length > 0) return -1;
  let bytes = 2 * SLOT;
  for (const name of Object.keys(value)) {
    const more = bytesOf((value as Record<string, unknown>)[name], depth + 1);
    if (more < 0) return -1;
    bytes += name.length + more;
  }
  return bytes;
};

const bytesOfAll = (values: readonly unknown[], depth: number): number => {
  let bytes = 2 * SLOT;
  for (const value of values) {
    const more = bytesOf(value, depth + 1);
    if (more < 0) return -1;
    bytes += more;
  }
  return bytes;
};

/** What a value takes in memory, in bytes, by a rough guess; −1 when it would not come back as it is. */
export const bytesOf = (value: unknown, depth = 0): number => {
  switch (typeof value) {
    case "string":
      return value.length + SLOT;
    case "function":
    case "symbol":
      return -1;
    case "object":
      return value === null ? SLOT : bytesOfObject(value, depth);
    default:
      return SLOT;
  }
};

type Bag = Record<string, unknown>;

/** What all that a message carries takes in memory, in bytes, by a rough guess. */
export const bytesOfMessage = (message: Readonly<Bag>): number => {
  let bytes = 0;
  for (const name of Object.keys(message)) {
    const one = bytesOf(message[name]);
    bytes += name.length + (one < 0 ? FOREIGN : one);
  }
  return bytes;
};

/** The properties of a message that can leave it, as bytes; undefined when there is none. `keep`: names that stay. */
export const pack = (
  message: Readonly<Bag>,
  keep: ReadonlySet<string>,
): { bytes: Buffer; names: string[] } | undefined => {
  const bag: Bag = {};
  const names = Object.keys(message).filter(
    (name) => !keep.has(name) && name !== "__proto__" && bytesOf(message[name]) >= 0,
  );
  if (names.length === 0) return undefined;
  for (const name of names) bag[name] = message[name];
  return { bytes: serialize(bag), names };
};

/** Puts back what was packed. */
export const unpack = (bytes: Buffer, message: Bag): void => void Object.assign(message, deserialize(bytes));
