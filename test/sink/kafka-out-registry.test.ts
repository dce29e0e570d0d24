import assert from "node:assert/strict";
import { openRegistry, type SchemaRegistry } from "../../nodes/lib/registry/registry";
import { unframed } from "../../nodes/lib/registry/wire";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { freePort } from "../../tools/services/ports";
import { Proxy } from "../faults/lab/proxy";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  kafkaIn,
  kafkaOut,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { readBack } from "../lib/lake/read-back";
import { readByFastavro } from "../lib/registry/fastavro";

const reading = {
  type: "record",
  name: "Reading",
  fields: [
    { name: "site", type: "string" },
    { name: "pm25", type: "double" },
  ],
};
const text = JSON.stringify(reading);

describe("kafka out with a schema registry", () => {
  let cluster: Cluster;
  let service: Service<"registry">;
  let registry: SchemaRegistry;
  let red: Harness;
  const schemas = (urls = service.url) => ({ id: "schemas", type: "citystream-schema-registry", urls });
  const caught = [
    { id: "catch", type: "catch", scope: ["out"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  ];
  const deploy = async (topic: string, more: Record<string, unknown> = {}, urls?: string): Promise<void> => {
    red.logs.length = 0;
    const out = kafkaOut(topic, { format: "registry", registry: "schemas", ...more });
    await red.deploy(flowOf(clusterNode(cluster.brokers), schemas(urls), out, collect("stored"), ...caught));
  };
  /** The values of a topic, by fastavro, and the ids of their schemas. */
  const stored = async (topic: string): Promise<{ ids: number[]; values: unknown[] }> => {
    const all = (await readAll(cluster.kafka, topic)).map(({ value }) => unframed(value as Buffer, "value"));
    const bodies = all.map(({ body }) => body);
    return { ids: all.map((one) => one.id), values: await readByFastavro(reading, bodies) };
  };
  const errorOf = async (): Promise<string> => {
    const [message] = await red.arrived("caught", 1);
    return (message as { error?: { message?: string } }).error?.message ?? "";
  };

  before(async function services() {
    cluster = await clusterFor(this);
    await readBack(this);
    service = await serviceFor(this, "registry");
    registry = openRegistry({ urls: [service.url] });
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));
  after(async () => {
    registry?.close();
    await cluster?.close();
  });

  it("writes values with the latest version of the topic's subject, as another program reads them", async () => {
    const topic = await newTopic(cluster.kafka);
    const id = await registry.register(`${topic}-value`, { kind: "AVRO", text });
    await deploy(topic);
    for (let n = 0; n < 20; n++) red.receive("out", { payload: { site: "종로", pm25: n } });
    await red.arrived("stored", 20);
    const { ids, values } = await stored(topic);
    assert.deepEqual(new Set(ids), new Set([id]));
    assert.deepEqual(
      values,
      Array.from({ length: 20 }, (_, n) => ({ site: "종로", pm25: n })),
    );
  });

  it("registers the schema that is given, under the subject that a template names", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic, { subject: "{{topic}}-{{payload.site}}", schemaFrom: "avro", schema: text });
    red.receive("out", { payload: { site: "a", pm25: 1 } });
    await red.arrived("stored", 1);
    const version = await registry.version(`${topic}-a`, "latest");
    assert.deepEqual((await stored(topic)).ids, [version?.id]);
  });

  it("writes tombstones without a schema, and batches with one", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic, { schemaFrom: "avro", schema: text });
    red.receive("out", { payload: [{ payload: { site: "a", pm25: 1 } }, { payload: null, key: "gone" }] });
    await red.arrived("stored", 1);
    const all = await readAll(cluster.kafka, topic);
    assert.deepEqual(
      all.map(({ value, key }) => [value === null, key?.toString()]),
      [
        [false, undefined],
        [true, "gone"],
      ],
    );
  });

  it("fails the message whose payload does not fit, naming the field, and of a batch only that element", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic, { schemaFrom: "avro", schema: text });
    red.receive("out", { payload: { site: "a" } });
    assert.match(await errorOf(), /does not fit the schema of "topic-.*-value": "pm25" is missing/u);
    red.receive("out", { payload: [{ payload: { site: "b", pm25: 2 } }, { payload: { site: 3, pm25: 2 } }] });
    await red.arrived("stored", 1);
    assert.deepEqual((await stored(topic)).values, [{ site: "b", pm25: 2 }]);
  });

  it("says what to do when nothing is registered", async () => {
    const topic = await newTopic(cluster.kafka);
    await deploy(topic);
    red.receive("out", { payload: { site: "a", pm25: 1 } });
    assert.match(await errorOf(), /Nothing is registered as "topic-.*": register a schema there, or give one/u);
  });

  it("loses nothing of a tracked source while the registry is out of reach, and keeps the order", async () => {
    const [from, to] = [await newTopic(cluster.kafka), await newTopic(cluster.kafka)];
    await registry.register(`${to}-value`, { kind: "AVRO", text });
    const port = await freePort();
    const proxy = new Proxy(port, Number(new URL(service.url).port));
    const sent = Array.from({ length: 100 }, (_, n) => ({ site: "a", pm25: n }));
    await write(
      cluster.kafka,
      sent.map((one) => record(from, one)),
    );
    try {
      await red.deploy(
        flowOf(
          clusterNode(cluster.brokers),
          schemas(service.url.replace(/:\d+/u, `:${port}`)),
          kafkaIn(from, unique("group"), { wires: [["out"]] }),
          kafkaOut(to, { format: "registry", registry: "schemas" }),
          collect("stored"),
        ),
      );
      await red.until("the status says why", () => /cannot be reached/u.test(red.status("out")?.text ?? ""));
      await proxy.set({ kind: "none" });
      await red.arrived("stored", 100);
      const { values } = await stored(to);
      assert.deepEqual(
        (values as { pm25: number }[]).map(({ pm25 }) => pm25).toSorted((a, b) => a - b),
        sent.map(({ pm25 }) => pm25),
      );
    } finally {
      await proxy.close();
    }
  });

  it("refuses to start with text that is no schema, or without a registry", async () => {
    await deploy("any", { schemaFrom: "avro", schema: '{"type":"nothing"}' });
    await red.until("it says so", () => red.logs.some(({ msg }) => /this is no Avro schema/u.test(String(msg))));
    await deploy("any", { registry: "" });
    await red.until("it says so", () =>
      red.logs.some(({ msg }) => /Schema registry: is not chosen/u.test(String(msg))),
    );
  });

  it("closes while a message waits for its schema, and the message fails", async () => {
    const port = await freePort();
    const proxy = new Proxy(port, Number(new URL(service.url).port));
    await proxy.set({ kind: "stall" });
    try {
      await deploy("any", {}, service.url.replace(/:\d+/u, `:${port}`));
      red.receive("out", { payload: { site: "a", pm25: 1 } });
      await red.until("it was asked", () => proxy.connections > 0);
      await red.deploy([]);
      assert.equal(red.collected("stored").length, 0);
    } finally {
      await proxy.close();
    }
  });
});
