/** The message that a window becomes. */
import type { Message } from "../../lib/delivery/contract";
import { TOKEN } from "../../lib/delivery/contract";
import { extended } from "../../lib/extended";
import type { StreamRecord } from "../../lib/stream/record";
import { aggregatesOf } from "../../lib/stream/window/aggregates";
import type { Fired } from "../../lib/stream/window/entry";
import { sourceOf } from "../../lib/stream/window/provenance";
import { columnsOf, matrixOf } from "../../lib/stream/window/shape";
import type { Shape } from "./options";

/** Properties of the message `window`, beside what its shape adds. */
interface WindowProperties {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly reason: string;
  readonly late: boolean;
}

/** `topic` is that of the last record's message. */
export function messageOf(window: Fired<unknown>, shape: Shape, topic: unknown): Message {
  const { key, start, end, reason, partial, entries } = window;
  const properties: WindowProperties = { key, start, end, count: entries.length, reason, late: false };
  const { payload, more, last } = contentOf(window, shape);
  const source = sourceOf(entries);
  const priority = highestPriority(entries.map(({ record }) => record));
  return {
    ...(topic !== undefined && { topic }),
    key,
    timestamp: last,
    payload,
    window: Object.assign(properties, partial && { partial }, more),
    ...(source && { source }),
    ...(priority !== undefined && { priority }),
  };
}

interface Content {
  readonly payload: unknown;
  readonly more?: object;
  /** Event time of the last record, or of the last row on a grid. */
  readonly last: number;
}

function contentOf(
  { entries, start, end }: Fired<unknown>,
  { emit, features, percentiles, step, gaps }: Shape,
): Content {
  const grid = step === undefined ? undefined : { start, step, rows: (end - start) / step };
  const last = grid ? end - grid.step : (entries.at(-1)?.time ?? end);
  const names = features.map(({ name }) => name);
  switch (emit) {
    case "records":
      return { payload: entries.map(({ record, time }) => elementOf(record, time)), last };
    case "aggregates":
      return { payload: aggregatesOf(entries, features, percentiles), last: entries.at(-1)?.time ?? end };
    case "columns": {
      const { columns, missing } = columnsOf(entries, features, grid, gaps);
      return { payload: columns, more: { ...(step !== undefined && { step }), missing }, last };
    }
    case "matrix": {
      const { values, rows, missing } = matrixOf(entries, features, grid, gaps);
      const more = { steps: rows, features: names, ...(step !== undefined && { step }), missing };
      return { payload: Float32Array.from(values), more, last };
    }
  }
}

/** A record as an element of a batch: without what belonged to the message that brought it. */
function elementOf(record: StreamRecord, time: number): StreamRecord {
  const { _msgid: _, [TOKEN]: _token, timestamp = time, ...rest } = record;
  return extended(rest, { timestamp });
}

function highestPriority(records: readonly StreamRecord[]): number | undefined {
  let highest: number | undefined;
  for (const { priority } of records)
    if (typeof priority === "number" && !(highest !== undefined && highest >= priority)) highest = priority;
  return highest;
}
