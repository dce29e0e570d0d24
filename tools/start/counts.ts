/** The live line of `npm start`: what the pipeline has done, from the counters that Node-RED serves. */
import type { NodeCounts } from "../../nodes/lib/counters";
import { countsMessage, type Sample } from "../../nodes/lib/stream/rates";

export type { Sample } from "../../nodes/lib/stream/rates";

/** Sums of the flow, in the order in which records pass. */
const stages: readonly (readonly [string, string, keyof NodeCounts & ("emitted" | "finished")])[] = [
  ["read", "citystream-file-in", "emitted"],
  ["MQTT", "citystream-mqtt-in", "emitted"],
  ["to Kafka", "citystream-kafka-out", "finished"],
  ["from Kafka", "citystream-kafka-in", "emitted"],
  ["lake", "citystream-hdfs-sink", "finished"],
  ["points", "citystream-influx-sink", "finished"],
  ["forecasts", "citystream-lstm-predictor", "finished"],
];

/** What Node-RED at `url` has counted since it started; undefined while it does not answer. */
export async function sample(url: string): Promise<Sample | undefined> {
  try {
    const answer = await fetch(`${url}/citystream/counts`, { signal: AbortSignal.timeout(5000) });
    return { time: Date.now(), nodes: ((await answer.json()) as { nodes: NodeCounts[] }).nodes };
  } catch {
    return undefined;
  }
}

/** One line about a sample, with the rate since an earlier one. Stages that the flow does not have are left out. */
export function lineOf(now: Sample, before: Sample | undefined): string {
  const sum = ({ nodes }: Sample, pick: (counts: NodeCounts) => number): number =>
    nodes.reduce((total, counts) => total + pick(counts), 0);
  const parts = stages.flatMap(([name, type, kind]) =>
    now.nodes.some((counts) => counts.type === type)
      ? [`${name} ${grouped(sum(now, (counts) => (counts.type === type ? counts[kind] : 0)))}`]
      : [],
  );
  const { unfinished, deadLettered } = countsMessage(now, before).totals;
  const seconds = before ? (now.time - before.time) / 1000 : 0;
  const done = (counts: NodeCounts): number => counts.acknowledged;
  const rate = before && seconds > 0 ? Math.max(0, Math.round((sum(now, done) - sum(before, done)) / seconds)) : 0;
  return [
    ...parts,
    `in flight ${grouped(unfinished)}`,
    `dead letters ${grouped(deadLettered)}`,
    `${grouped(rate)} acknowledged/s`,
  ].join(" · ");
}

const grouped = (value: number): string => value.toLocaleString("en-US");
