/** kafka in, exactly once, is closed while Kafka gives no answer. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, nodeRed, until, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  kafkaOut,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";

describe("kafka in, exactly once, while Kafka gives no answer", () => {
  let cluster: Cluster;
  let red: Harness;
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-exact-outage-"));

  before(async function services() {
    cluster = await clusterFor(this, true);
    red = await nodeRed();
  });
  after(async () => {
    await red?.deploy([]);
    await cluster?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("closes during a commit, and the next one brings each result once", async function closes() {
    this.timeout(240_000);
    const [input, output, group] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka), unique("group")];
    await write(
      cluster.kafka,
      [0, 1, 2, 3, 4].map((n) => record(input, n)),
    );
    const deploy = (manual: boolean): Promise<void> =>
      red.deploy(
        flowOf(
          clusterNode(cluster.brokers),
          kafkaIn(input, group, { delivery: "exactlyOnce", deadLetterFolder: folder, wires: [["out"]] }),
          kafkaOut(output, { wires: [["got"]] }),
          collect("got", manual),
        ),
      );
    await deploy(true);
    await red.arrived("got", 5, 60_000);
    red.logs.length = 0;
    cluster.service.pause();
    try {
      for (const { done } of red.collected("got")) done();
      await red.deploy([]);
    } finally {
      cluster.service.resume();
    }
    const late = red.logs.map(({ msg }) => String(msg)).filter((text) => /did not close within/.test(text));
    assert.deepEqual(late, []);
    await deploy(false);
    await until("all is committed", async () => (await committedOf(cluster.kafka, group, input)) === 5, 120_000);
    const found = (await readAll(cluster.kafka, output)).map(({ value }) => Number(String(value)));
    assert.deepEqual(found.toSorted(), [0, 1, 2, 3, 4]);
  });
});
