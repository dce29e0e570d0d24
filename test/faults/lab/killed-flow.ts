/** A flow from one topic to another, killed on its way and started again. */
import { mkdtempSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startChild } from "../../harness/child";
import { until, type FlowNode } from "../../harness";
import { committedOf, newTopic, readAll, unique, type Cluster } from "../../lib/kafka/harness";

export interface KilledFlow {
  readonly cluster: Cluster;
  /** For what Node-RED keeps; the caller removes it. */
  readonly folder: string;
  readonly input: string;
  /** Records of `input`. */
  readonly records: number;
  /** The flow that writes to a topic as a group. */
  flow(output: string, group: string): FlowNode[];
}

/** Runs it to its end, killed so many times at equal parts of the way. @returns all values that it wrote, parsed */
export async function runKilled<T>({ cluster, folder, input, records, flow }: KilledFlow, kills: number): Promise<T[]> {
  const [output, group] = [await newTopic(cluster.kafka, 1), unique("killed")];
  const userDir = mkdtempSync(path.join(folder, "node-red-"));
  const flowFile = path.join(userDir, "flow.json");
  writeFileSync(flowFile, JSON.stringify(flow(output, group)));
  for (let kill = 0; kill <= kills; kill++) {
    const child = await startChild({ userDir, flowFile });
    const goal = kill < kills ? Math.round((records * (kill + 1)) / (kills + 1)) : records;
    const committed = (): Promise<number> => committedOf(cluster.kafka, group, input);
    try {
      await until(
        `${goal} records committed`,
        async () => (await committed()) >= goal,
        120_000,
        async () => `${await committed()}, ${await child.state()}`,
      );
    } finally {
      await child.kill9();
    }
  }
  return (await readAll(cluster.kafka, output)).map(({ value }) => JSON.parse(String(value)) as T);
}
