/**
 * Reads a measurement by InfluxQL, which 1.x speaks by itself, 2.x where the bucket is mapped to a database, and 3.x: the answer
 * comes in pieces (`chunked`), each a line of JSON (docs.influxdata.com/influxdb/v1/guides/query_data).
 */
import type { IncomingMessage } from "node:http";
import { asError, Rejected, Retriable } from "../errors";

/** What is read. Times are ms since the epoch. */
export interface InfluxQuery {
  readonly measurement: string;
  /** The first time that belongs to it; undefined: since ever. */
  readonly from?: number | undefined;
  /** The first time that does not any more. */
  readonly to?: number | undefined;
}

/** Rows of one piece, in the order of time. Fields and tags that a point has not are null. */
export interface InfluxRows {
  /** The first one is `time`, ms since the epoch. */
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

/** Rows of a piece: what is parsed at a stretch. */
export const PIECE = 2000;

const quoted = (name: string): string => `"${name.replaceAll("\\", "\\\\").replaceAll('"', String.raw`\"`)}"`;

/** @param policy the retention policy; empty: the database's default */
export function influxQl({ measurement, from, to }: InfluxQuery, policy: string): string {
  const bounds = [
    ...(from === undefined ? [] : [`time >= ${from}ms`]),
    ...(to === undefined ? [] : [`time < ${to}ms`]),
  ];
  const place = policy === "" ? quoted(measurement) : `${quoted(policy)}.${quoted(measurement)}`;
  return `SELECT * FROM ${place}${bounds.length > 0 ? ` WHERE ${bounds.join(" AND ")}` : ""}`;
}

/** The error for an answer of which the rest does not come. */
export const brokenOff = (where: string, error: unknown): Retriable =>
  new Retriable(`InfluxDB (${where}) broke its answer off: ${asError(error).message}`, {
    cause: error,
    unreachable: true,
  });

interface Piece {
  readonly error?: string;
  readonly results?: readonly {
    readonly error?: string;
    readonly partial?: boolean;
    readonly series?: readonly { readonly columns: readonly string[]; readonly values?: readonly unknown[][] }[];
  }[];
}

/**
 * The rows of an answer with status 200.
 * @throws Rejected for what the server does not understand; Retriable when the answer ends early
 */
export async function* rowsOf(answer: IncomingMessage, where: string): AsyncGenerator<InfluxRows> {
  let rest = "";
  let isWhole = false;
  const piece = (line: string): readonly InfluxRows[] => {
    const { error, results = [] } = JSON.parse(line) as Piece;
    const [result] = results;
    const wrong = error ?? result?.error;
    if (wrong !== undefined) throw new Rejected(`InfluxDB (${where}) does not answer: ${wrong}`);
    isWhole = result?.partial !== true;
    return (result?.series ?? []).map(({ columns, values = [] }) => ({ columns, values }));
  };
  answer.setEncoding("utf8");
  try {
    for await (const text of answer as AsyncIterable<string>) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") yield* piece(line);
    }
    if (rest.trim() !== "") yield* piece(rest);
  } catch (error) {
    throw error instanceof Rejected ? error : brokenOff(where, error);
  }
  if (!isWhole) throw new Retriable(`InfluxDB (${where}) ended its answer early`, { unreachable: true });
}
