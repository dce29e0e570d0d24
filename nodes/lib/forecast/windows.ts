import { Rejected } from "../errors";
import { describe } from "../stream/path";
import { eventTime, listed, type ReadingReader } from "./readings";

/** A window as rows of the model's features, oldest first, one step apart; missing values are NaN. */
export interface Window {
  /** `[count × features]` */
  readonly rows: Float32Array;
  readonly count: number;
  /** Event time of the last row, ms; undefined when the window does not say. */
  readonly end: number | undefined;
}

/** Longest window, in steps, that a few records with wild times may span. */
const MOST_STEPS = 100_000;

/**
 * Reads a window: records (an array of messages or of plain objects), columns (an object of arrays by feature name), or a
 * matrix `[steps × features]` (a Float32Array, or `{features, values}`). Named columns may come in any order and in
 * surplus; a matrix without names must have the model's features in order.
 * @param names names of the matrix's columns, where the message says them
 * @throws Rejected saying what does not fit the model
 */
export function readWindow(
  payload: unknown,
  reader: ReadingReader,
  stepLength: number,
  names?: readonly string[],
): Window {
  if (payload instanceof Float32Array || payload instanceof Float64Array) return matrix(payload, reader, names);
  if (Array.isArray(payload)) {
    if (payload.every((value) => typeof value === "number" || value === null)) {
      return matrix(
        Float32Array.from(payload as (number | null)[], (v) => v ?? Number.NaN),
        reader,
        names,
      );
    }
    return records(payload, reader, stepLength);
  }
  if (typeof payload === "object" && payload !== null && !Buffer.isBuffer(payload)) {
    const { features, values, matrix: cells } = payload as Record<string, unknown>;
    const numbers = values ?? cells;
    if (numbers instanceof Float32Array || numbers instanceof Float64Array || Array.isArray(numbers)) {
      const given = Array.isArray(features) ? features.map(String) : names;
      return readWindow(numbers, reader, stepLength, given);
    }
    return columns(payload as Record<string, unknown>, reader, stepLength);
  }
  throw new Rejected(`the window is ${describe(payload)}; it must be records, columns or a Float32Array.`);
}

function matrix(
  values: Float32Array | Float64Array,
  reader: ReadingReader,
  names: readonly string[] | undefined,
): Window {
  const { features } = reader;
  const width = names?.length ?? features.length;
  if (!values.length || values.length % width) {
    throw new Rejected(
      `the window has ${values.length} numbers, which are no rows of ${width} features (${listed(features)}).`,
    );
  }
  const count = values.length / width;
  const from = features.map(({ name }, i) => (names ? names.indexOf(name) : i));
  requireAll(
    reader,
    from.map((index) => index >= 0),
  );
  const rows = new Float32Array(count * features.length);
  for (let i = 0; i < rows.length; i++) {
    const row = Math.floor(i / features.length);
    rows[i] = values[row * width + (from[i % features.length] as number)] as number;
  }
  return { rows, count, end: undefined };
}

function columns(payload: Record<string, unknown>, reader: ReadingReader, stepLength: number): Window {
  const { features } = reader;
  const found = features.map(({ name }) => payload[name]);
  requireAll(
    reader,
    found.map((column) => Array.isArray(column) || column instanceof Float32Array || column instanceof Float64Array),
  );
  const lists = found.map((column) => Array.from(column as ArrayLike<unknown>));
  const count = lists[0]?.length ?? 0;
  const uneven = lists.findIndex((list) => list.length !== count);
  if (uneven >= 0 || !count) {
    throw new Rejected(`the window's columns are not of one length: ${lists.map((list) => list.length).join(", ")}.`);
  }
  const rows = new Float32Array(count * features.length);
  for (const [f, list] of lists.entries()) {
    for (const [r, value] of list.entries()) rows[r * features.length + f] = reader.value(f, value);
  }
  const times = payload["time"] ?? payload["timestamp"];
  const given = Array.isArray(times) || ArrayBuffer.isView(times) ? Array.from(times as ArrayLike<unknown>) : [];
  if (given.length !== count) return { rows, count, end: undefined };
  return onGrid(rows, given.map(eventTime), features.length, stepLength);
}

function records(elements: readonly unknown[], reader: ReadingReader, stepLength: number): Window {
  const width = reader.features.length;
  const rows = new Float32Array(elements.length * width);
  if (!elements.length) throw new Rejected("the window has no records.");
  const times = elements.map((element, r) => {
    const one = (element ?? {}) as Record<string, unknown>;
    const nested = typeof one["payload"] === "object" && one["payload"] !== null;
    rows.set(reader.read(nested ? one["payload"] : element), r * width);
    return eventTime(one["timestamp"]);
  });
  return onGrid(rows, times, width, stepLength);
}

/** Rows that carry a time are put on the model's grid of steps, so that an hour without a record is a gap. */
function onGrid(rows: Float32Array, times: readonly (number | undefined)[], width: number, stepLength: number): Window {
  const steps = times.map((time) => (time === undefined ? Number.NaN : Math.round(time / stepLength)));
  if (steps.some(Number.isNaN)) return { rows, count: steps.length, end: times.at(-1) };
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const count = last - first + 1;
  if (count > MOST_STEPS) throw new Rejected(`the window's records span ${count} steps of the model.`);
  const placed = new Float32Array(count * width).fill(Number.NaN);
  for (const [r, step] of steps.entries()) {
    placed.set(rows.subarray(r * width, (r + 1) * width), (step - first) * width);
  }
  return { rows: placed, count, end: last * stepLength };
}

function requireAll(reader: ReadingReader, present: readonly boolean[]): void {
  const missing = reader.features.filter((_, i) => !present[i]);
  if (missing.length)
    throw new Rejected(`the window has no ${listed(missing)}; the model needs ${listed(reader.features)}.`);
}
