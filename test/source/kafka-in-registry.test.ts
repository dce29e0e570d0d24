import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { decodeDeadLetter } from "../../nodes/lib/delivery/dead-letter-format";
import { openRegistry, type SchemaRegistry } from "../../nodes/lib/registry/registry";
import { framed } from "../../nodes/lib/registry/wire";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { freePort } from "../../tools/services/ports";
import { Proxy } from "../faults/lab/proxy";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  newTopic,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { readBack } from "../lib/lake/read-back";
import { writtenByFastavro } from "../lib/registry/fastavro";

const reading = {
  type: "record",
  name: "Reading",
  fields: [
    { name: "site", type: "string" },
    { name: "pm25", type: "double" },
  ],
};
const values = (count: number): { site: string; pm25: number }[] =>
  Array.from({ length: count }, (_, n) => ({ site: `종로 ${n}`, pm25: n / 2 }));

describe("kafka in with a schema registry", () => {
  let cluster: Cluster;
  let service: Service<"registry">;
  let registry: SchemaRegistry;
  let red: Harness;
  let folder: string;
  let id: number;
  const deploy = async (topic: string, group: string, more: Record<string, unknown> = {}, urls = service.url) => {
    red.logs.length = 0;
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        { id: "schemas", type: "citystream-schema-registry", urls },
        kafkaIn(topic, group, { valueFormat: "registry", registry: "schemas", deadLetterFolder: folder, ...more }),
        collect("got"),
      ),
    );
  };
  const letters = () =>
    readdirSync(folder).flatMap((file) =>
      readFileSync(path.join(folder, file), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map(decodeDeadLetter),
    );
  const committed = (group: string, topic: string, offset: number): Promise<void> =>
    red.until(`group has committed ${offset}`, async () => (await committedOf(cluster.kafka, group, topic)) === offset);
  /** A way to the registry that can be cut, and its address. */
  const wire = async (): Promise<{ proxy: Proxy; urls: string }> => {
    const port = await freePort();
    const proxy = new Proxy(port, Number(new URL(service.url).port));
    return { proxy, urls: service.url.replace(/:\d+/u, `:${port}`) };
  };

  before(async function services() {
    cluster = await clusterFor(this);
    await readBack(this);
    service = await serviceFor(this, "registry");
    registry = openRegistry({ urls: [service.url] });
    id = await registry.register(unique("reading-value"), { kind: "AVRO", text: JSON.stringify(reading) });
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-letters-"));
  });
  afterEach(async () => {
    await red?.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });
  after(async () => {
    registry?.close();
    await cluster?.close();
  });

  for (const mode of ["record", "batch"])
    it(`delivers values that another program wrote in Avro (${mode} mode), tombstones as null`, async () => {
      const topic = await newTopic(cluster.kafka);
      const group = unique("group");
      const sent = values(20);
      const bytes = await writtenByFastavro(reading, sent);
      await write(cluster.kafka, [...bytes.map((one) => record(topic, framed(id, one))), record(topic, null)]);
      await deploy(topic, group, { mode });
      const all = (): unknown[] =>
        red
          .collected("got")
          .flatMap(({ message }) =>
            mode === "batch"
              ? (message.payload as { payload: unknown }[]).map((one) => one.payload)
              : [message.payload],
          );
      await red.until("all came", () => all().length === 21);
      assert.deepEqual(all(), [...sent, null]);
      await committed(group, topic, 21);
    });

  it("delivers keys of the registry too, and commits exactly once with what it read", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const keyId = await registry.register(unique("key"), { kind: "AVRO", text: '"string"' });
    const [key] = await writtenByFastavro("string", ["센서 1"]);
    const [value] = await writtenByFastavro(reading, values(1));
    assert.ok(key && value);
    await write(cluster.kafka, [record(topic, framed(id, value), { key: framed(keyId, key) })]);
    await deploy(topic, group, { keyFormat: "registry", delivery: "exactlyOnce" });
    const [got] = await red.arrived("got", 1);
    assert.deepEqual([got?.["key"], got?.payload], ["센서 1", values(1)[0]]);
    await committed(group, topic, 1);
  });

  it("puts what no schema of the registry fits among dead letters with its bytes, and goes on", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const [good] = await writtenByFastavro(reading, values(1));
    assert.ok(good);
    const bad = [Buffer.from('{"pm25":1}'), framed(99_999, good), framed(id, Buffer.from([8]))];
    await write(
      cluster.kafka,
      [...bad, framed(id, good)].map((bytes) => record(topic, bytes)),
    );
    await deploy(topic, group);
    await red.arrived("got", 1);
    await committed(group, topic, 4);
    const found = letters();
    assert.deepEqual(
      found.map(({ message }) => message.payload),
      bad,
    );
    const why = found.map(({ error }) => error.message).join("\n");
    assert.match(why, /does not begin with a schema's id/u);
    assert.match(why, /its schema 99999 is not in the registry/u);
    assert.match(why, new RegExp(`not of its schema ${id}`, "u"));
  });

  for (const delivery of ["atLeastOnce", "atMostOnce"])
    it(`keeps records that wait for a registry out of reach, says so, and loses none (${delivery})`, async () => {
      const topic = await newTopic(cluster.kafka);
      const group = unique("group");
      const { proxy, urls } = await wire();
      const sent = values(50);
      const bytes = await writtenByFastavro(reading, sent);
      await write(
        cluster.kafka,
        bytes.map((one) => record(topic, framed(id, one))),
      );
      try {
        await deploy(topic, group, { delivery }, urls);
        await red.until("the status says why", () => /cannot be reached/u.test(red.status("in")?.text ?? ""));
        assert.equal(red.collected("got").length, 0);
        await proxy.set({ kind: "none" });
        const got = await red.arrived("got", 50);
        assert.deepEqual(
          got.map(({ payload }) => payload),
          sent,
        );
        await committed(group, topic, 50);
        await red.until("the status is well again", () => red.status("in")?.fill === "green");
        assert.deepEqual(letters(), []);
      } finally {
        await proxy.close();
      }
    });

  it("closes while records wait for their schema, and delivers them after the next deploy", async () => {
    const topic = await newTopic(cluster.kafka);
    const group = unique("group");
    const { urls } = await wire();
    const [bytes] = await writtenByFastavro(reading, values(1));
    assert.ok(bytes);
    await write(cluster.kafka, [record(topic, framed(id, bytes))]);
    await deploy(topic, group, {}, urls);
    await red.until("the status says why", () => /cannot be reached/u.test(red.status("in")?.text ?? ""));
    await deploy(topic, group);
    const [got] = await red.arrived("got", 1);
    assert.deepEqual(got?.payload, values(1)[0]);
  });

  it("says which setting is wrong when no registry is chosen, or only for keys", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic, unique("group"), { registry: "" });
    await red.until("it says so", () =>
      red.logs.some(({ msg }) => /Schema registry: is not chosen/u.test(String(msg))),
    );
    await deploy(topic, unique("group"), { valueFormat: "json", keyFormat: "registry" });
    await red.until("it says so", () =>
      red.logs.some(({ msg }) => /Key: its registry is the value's/u.test(String(msg))),
    );
  });
});
