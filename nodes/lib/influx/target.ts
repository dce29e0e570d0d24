/** Where points go, and come from: an InfluxDB server; or files that `influx write` takes. */
import type { Line } from "./points";
import type { InfluxQuery, InfluxRows } from "./rows";
import type { TimeUnit } from "./values";

export interface InfluxTarget {
  /** For people. */
  readonly address: string;
  /**
   * Resolves when all lines are stored.
   * @throws LinesRefused when the fault is in the lines; Retriable for everything that may pass
   */
  write(lines: readonly Line[], unit: TimeUnit): Promise<void>;
  /**
   * The points of a measurement, in the order of time.
   * @throws Rejected when it does not understand; Retriable for everything that may pass; ConfigError where nothing can be asked
   */
  rows(query: InfluxQuery, signal: AbortSignal): AsyncIterable<InfluxRows>;
  /** Tries address, login and database without writing a point; says what was found. @throws ConfigError */
  test(): Promise<{ readonly word: "server" | "folder"; readonly version: string }>;
  close(): Promise<void>;
}

/** The server, or its limits, will never take all of these lines. Others of the same request may be stored. */
export class LinesRefused extends Error {
  override readonly name = "LinesRefused";
  constructor(
    message: string,
    /** How many lines were left out, when the server says so. */
    readonly dropped: number | undefined,
  ) {
    super(message);
  }
}
