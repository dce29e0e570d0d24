/** Checks a measurement of InfluxDB: its points in the order of time. */
import { Retriable } from "../errors";
import type { InfluxQuery } from "../influx/rows";
import type { InfluxTarget } from "../influx/target";
import type { CompletenessCheck } from "../stream/completeness/check";
import { recordFeed, type RecordFeedOptions } from "./record-feed";

export interface InfluxCheck {
  readonly feed: RecordFeedOptions;
  /** Ends the check: it rejects as something that can be tried again. */
  readonly signal: AbortSignal;
  /** Told after each piece that was read. */
  progress(): void;
}

/**
 * Reads all points of a measurement between two times. A point's time is its record's; fields and tags are its payload, those that
 * it has not are missing.
 *
 * @throws Rejected when the server does not understand; Retriable when it is out of reach, or the check is stopped
 */
export async function checkInflux(
  check: CompletenessCheck,
  server: InfluxTarget,
  query: InfluxQuery,
  { feed, signal, progress }: InfluxCheck,
): Promise<void> {
  const take = recordFeed(check, feed);
  try {
    for await (const { columns, values } of server.rows(query, signal)) {
      for (const row of values)
        take({
          payload: Object.fromEntries(columns.slice(1).map((name, at) => [name, row[at + 1]])),
          timestamp: row[0],
        });
      progress();
    }
  } catch (error) {
    if (signal.aborted) throw new Retriable("the check was stopped", { cause: error });
    throw error;
  }
}
