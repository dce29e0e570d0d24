/** One partition that nobody leads, its broker being away, is no other partition's and no other topic's trouble. */
import assert from "node:assert/strict";
import { Retriable } from "../../nodes/lib/errors";
import { openKafka } from "../../nodes/lib/kafka/drivers";
import { serviceFor } from "../../tools/services/for-test";
import { flowOf, nodeRed, until, type Harness } from "../harness";
import {
  CLIENT,
  clusterNode,
  collect,
  kafkaIn,
  kafkaOut,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";

/** How soon a healthy topic must be read that is alone in the cluster, in ms, with room for a slow machine. */
const SOON = 15_000;
const LONG = 60_000;

describe(`kafka in, by ${CLIENT}, when a partition has no leader`, () => {
  let cluster: Cluster;
  let red: Harness;
  const healthy = unique("healthy");
  /** One partition on each broker, without a copy. */
  const halved = unique("halved");
  let away = -1;

  const send = (text: string, more: object = {}): void =>
    red.receive("out", { payload: JSON.stringify(text), ...more });
  const restart = (): Promise<void> => cluster.service.start();
  const got = (): unknown[] => red.collected("got").map(({ message }) => message.payload);
  const status = (node: string) => (): string => `${red.status(node)?.fill} ${red.status(node)?.text}`;

  before(async function services() {
    const service = await serviceFor(this, "kafka", { own: true, brokers: 2, heap: 256 });
    const kafka = openKafka({ brokers: service.brokers.split(","), clientId: "test" }, CLIENT);
    cluster = { brokers: service.brokers, kafka, service, close: () => kafka.close() };
    red = await nodeRed();
    await kafka.createTopic(healthy, { partitions: 1, replication: 2, config: {} });
    await kafka.createTopic(halved, { partitions: 2, replication: 1, config: {} });
    await write(kafka, [
      record(healthy, "healthy"),
      record(halved, "p0", { partition: 0 }),
      record(halved, "p1", { partition: 1 }),
    ]);
    await service.processes.get("kafka2")?.kill9();
    await until(
      "one partition is known to have no leader",
      () =>
        kafka.offsets(halved).then(
          () => false,
          (error: Error) => {
            away = Number(
              /"halved\S+": partition (\d) has no leader, its broker is away$/.exec(error.message)?.[1] ?? -1,
            );
            return away >= 0 && error instanceof Retriable && error.unreachable;
          },
        ),
      LONG,
    );
  });
  afterEach(async () => {
    await red?.deploy([]);
  });
  after(async () => {
    await cluster?.close();
    await cluster?.service.kill9();
  });

  it("reads and writes a healthy topic at once, and has nothing to say of the other", async function other() {
    this.timeout(2 * LONG);
    const begun = Date.now();
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(healthy, unique("group")),
        collect("got"),
        kafkaOut(healthy),
        collect("stored"),
      ),
    );
    await until("the first is read", () => got().length === 1, SOON, status("in"));
    send("more");
    await until("what is written now is read", () => got().length === 2, SOON, status("in"));
    console.log(`      ${CLIENT}: a healthy topic was read ${Date.now() - begun} ms after the deploy`);
    await until("green", () => red.status("in")?.fill === "green", SOON, status("in"));
    assert.deepEqual(got(), ["healthy", "more"]);
    assert.deepEqual((await cluster.kafka.offsets(healthy)).length, 1);
  });

  for (const start of ["earliest", "latest"])
    it(`reads what is led of topics with such a partition from the ${start}, names the partition, and reads it when its broker is back`, async function half() {
      this.timeout(4 * LONG);
      await cluster.service.processes.get("kafka2")?.kill9();
      const group = unique("group");
      await red.deploy(
        flowOf(
          clusterNode(cluster.brokers),
          kafkaIn(`${healthy}, ${halved}`, group, { start }),
          collect("got"),
          kafkaOut(halved),
          collect("stored"),
        ),
      );
      const name = new RegExp(`^red .*halved\\S* partition ${away} has no leader`);
      await until("the partition is named", () => name.test(status("in")()), LONG, status("in"));
      send(`led, ${start}`, { partition: 1 - away });
      await until("what is led is read", () => got().includes(`led, ${start}`), SOON, status("in"));
      assert.ok(!got().includes(`p${away}`));
      send(`away, ${start}`, { partition: away });
      await until("kafka out names it too", () => name.test(status("out")()), LONG, status("out"));
      await restart();
      await red.arrived("stored", 2, LONG);
      if (start === "earliest") {
        await until("the partition is read", () => got().includes(`away, ${start}`), LONG, status("in"));
        assert.ok(got().includes(`p${away}`));
      }
      await until("green", () => red.status("in")?.fill === "green", LONG, status("in"));
      // Where it begins is committed: what comes from now on is new.
      const begun = async (): Promise<boolean> =>
        start === "earliest" || (await cluster.kafka.committed(group, halved)).every(({ offset }) => offset >= 0);
      await until("it has begun there", begun, LONG);
      send(`last, ${start}`, { partition: away });
      await until("it is read on", () => got().includes(`last, ${start}`), LONG, status("in"));
      const all = got();
      assert.equal(new Set(all).size, all.length, `read twice: ${all.join()}`);
    });
});
