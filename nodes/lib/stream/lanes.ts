/** Lanes: outputs by priority. */
import { ConfigError } from "../errors";

export interface Lane {
  readonly name: string;
  /** Lowest priority that takes this lane. */
  readonly from: number;
}

/**
 * The output of a priority: of the lanes whose `from` it reaches, the one with the highest. What reaches none takes the
 * lane with the lowest `from`, so that no record is without a way.
 * Throws a ConfigError when there is no lane, a `from` is not a number, or two lanes begin at the same priority.
 */
export function laneOf(lanes: readonly Lane[]): (priority: number) => number {
  const order = lanes.map((lane, output) => ({ ...lane, output })).sort((a, b) => b.from - a.from);
  if (order.length === 0) throw new ConfigError("Lanes: there is no lane; add at least one");
  order.forEach((lane, index) => {
    if (!Number.isFinite(lane.from)) throw new ConfigError(`Lanes: "${lane.name}" does not begin at a number`);
    const above = order[index - 1];
    if (above?.from === lane.from)
      throw new ConfigError(`Lanes: "${above.name}" and "${lane.name}" both begin at priority ${lane.from}`);
  });
  const outputs = order.map((lane) => lane.output);
  const from = order.map((lane) => lane.from);
  const last = outputs.length - 1;
  return (priority) => {
    for (let i = 0; i < last; i++) if (priority >= (from[i] as number)) return outputs[i] as number;
    return outputs[last] as number;
  };
}
