/** Finds the lines that a server refuses, so that the others are kept. */
import { Rejected } from "../errors";
import type { Line } from "./points";
import { type InfluxTarget, LinesRefused } from "./target";
import type { TimeUnit } from "./values";

/**
 * Writes lines; where some are refused, halves the batch until they stand alone. Writing a point again changes nothing,
 * so halves may repeat what is stored already. A server that says how many it dropped spares the search when that is all.
 * @returns the refused lines by their position, with the reason
 * @throws what `write` throws for reasons other than the lines: then nothing is known of them
 */
export async function writeSorting(
  target: Pick<InfluxTarget, "write">,
  lines: readonly Line[],
  unit: TimeUnit,
): Promise<ReadonlyMap<number, Rejected>> {
  const refused = new Map<number, Rejected>();
  const sort = async (from: number, to: number): Promise<void> => {
    try {
      await target.write(lines.slice(from, to), unit);
    } catch (error) {
      if (!(error instanceof LinesRefused)) throw error;
      const count = to - from;
      if (count === 1 || error.dropped === count) {
        for (let at = from; at < to; at++)
          refused.set(at, new Rejected(`InfluxDB refused the record: ${error.message}`));
        return;
      }
      const middle = from + (count >> 1);
      await sort(from, middle);
      await sort(middle, to);
    }
  };
  if (lines.length > 0) await sort(0, lines.length);
  return refused;
}
