/** kafka in in a process of its own, which is killed. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { flowOf, until } from "../harness";
import { startChild } from "../harness/child";
import {
  clusterFor,
  clusterNode,
  kafkaIn,
  kafkaOut,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { temporaryFolder } from "../lib/lake/stores";

describe("kafka in, in a process that is killed", () => {
  let cluster: Cluster;
  before(async function services() {
    cluster = await clusterFor(this);
  });
  after(() => cluster?.close());

  it("goes on as soon as it is started again, long before its session has ended", async function restart() {
    this.timeout(300_000);
    const [topic, out] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka)];
    const folder = temporaryFolder();
    const flowFile = path.join(folder, "flow.json");
    const flow = flowOf(
      clusterNode(cluster.brokers),
      // Only the member's name can bring the partition back within this test.
      kafkaIn(topic, unique("group"), { sessionTimeout: 290, wires: [["out"]] }),
      kafkaOut(out, { wires: [[]] }),
    );
    writeFileSync(flowFile, JSON.stringify(flow));
    for (const round of [1, 2]) {
      await write(cluster.kafka, [record(topic, round)]);
      const child = await startChild({ userDir: folder, flowFile });
      const started = Date.now();
      try {
        await until(
          `record ${round} is through`,
          async () => (await readAll(cluster.kafka, out)).some(({ value }) => String(value) === String(round)),
          120_000,
        );
        console.log(`      round ${round}: through within ${Date.now() - started} ms of the start`);
      } finally {
        await child.kill9();
      }
    }
  });
});
