import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { openRegistry, type SchemaRegistry } from "../../nodes/lib/registry/registry";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { freePort } from "../../tools/services/ports";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { Proxy } from "../faults/lab/proxy";
import { flowOf, type FlowNode, type Harness } from "../harness";
import { unique } from "../lib/kafka/harness";
import { type ReadBack, type Reader, readBack } from "../lib/lake/read-back";
import { temporaryFolder } from "../lib/lake/stores";

const reading = {
  type: "record",
  name: "Reading",
  fields: [
    { name: "site", type: "string" },
    { name: "pm25", type: "float" },
  ],
};
const text = JSON.stringify(reading);

describe("hdfs sink with a schema registry", () => {
  let service: Service<"registry">;
  let registry: SchemaRegistry;
  let red: Harness;
  let read: ReadBack;
  const flow = (folder: string, urls: string, more: Record<string, unknown>): FlowNode[] =>
    flowOf(
      { id: "lake", type: "citystream-lake", address: `file://${folder}`, user: "", timeout: 10 },
      { id: "schemas", type: "citystream-schema-registry", urls },
      { id: "s", type: "test-source", drain: 100, wires: [["sink"]] },
      {
        id: "sink",
        type: "citystream-hdfs-sink",
        lake: "lake",
        directory: "d",
        rotateIdle: 0.3,
        schemaFrom: "registry",
        registry: "schemas",
        wires: [["stored"]],
        ...more,
      },
      { id: "stored", type: "test-collect" },
    );
  const send = (values: readonly object[]): void => {
    for (const [offset, value] of values.entries())
      laboratory.source("s").deliver(offset, () => value, {
        source: { kind: "kafka", topic: "air", partition: 0, offset, group: "g" },
      });
  };
  const acknowledged = (count: number): Promise<void> =>
    red.until("all are acknowledged", () => laboratory.source("s").outcomes.size === count, 60_000);
  const rows = async (folder: string, reader: Reader): Promise<unknown[]> => {
    const files = readdirSync(path.join(folder, "d")).filter((name) => !name.startsWith("_"));
    return (
      await read(
        reader,
        files.sort().map((name) => path.join(folder, "d", name)),
      )
    ).flat();
  };
  const values = [
    { site: "종로구", pm25: 1.5, more: "left out" },
    { site: "중구", pm25: 2 },
  ];
  const stored = [
    { site: "종로구", pm25: 1.5 },
    { site: "중구", pm25: 2 },
  ];

  before(async function services() {
    read = await readBack(this);
    service = await serviceFor(this, "registry");
    registry = openRegistry({ urls: [service.url] });
    red = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  afterEach(() => red?.deploy([]));
  after(() => registry?.close());

  for (const [format, reader] of [
    ["avro", "fastavro"],
    ["parquet", "pyarrow"],
  ] as const)
    it(`writes ${format} by the latest schema of the subject, and dead-letters what does not fit it`, async () => {
      const [folder, subject] = [temporaryFolder(), unique("reading-value")];
      await registry.register(subject, { kind: "AVRO", text });
      await red.deploy(flow(folder, service.url, { format, subject }));
      send([...values, { site: 5, pm25: 1 }]);
      await acknowledged(3);
      assert.deepEqual(await rows(folder, reader), stored);
      const failed = laboratory.source("s").outcomes.get(2);
      assert.match(String(failed?.failure?.error.message), /"site" is 5; the schema wants string/u);
    });

  it("keeps records while the registry is away or the subject is missing, says so, and loses none", async () => {
    const [folder, subject, port] = [temporaryFolder(), unique("late-value"), await freePort()];
    const proxy = new Proxy(port, Number(new URL(service.url).port));
    const says = (what: RegExp): Promise<void> =>
      red.until(
        `the status says ${String(what)}`,
        () => what.test(red.status("sink")?.text ?? ""),
        30_000,
        () => red.status("sink")?.text,
      );
    try {
      await red.deploy(flow(folder, service.url.replace(/:\d+/u, `:${port}`), { format: "avro", subject }));
      send(values);
      await says(/cannot be reached/u);
      await proxy.set({ kind: "none" });
      await says(/Nothing is registered as "late-value/u);
      assert.equal(existsSync(path.join(folder, "d")), false);
      await registry.register(subject, { kind: "AVRO", text });
      await acknowledged(2);
      assert.deepEqual(await rows(folder, "fastavro"), stored);
    } finally {
      await proxy.close();
    }
  });

  it("closes while records wait for the schema: none is acknowledged", async () => {
    const folder = temporaryFolder();
    await red.deploy(flow(folder, service.url, { format: "avro", subject: unique("never-value") }));
    send(values);
    await red.until("the status says why", () => /Nothing is registered/u.test(red.status("sink")?.text ?? ""), 30_000);
    const { outcomes } = laboratory.source("s");
    await red.deploy([]);
    assert.deepEqual(
      [...outcomes.values()].filter(({ verdict }) => verdict !== "abandoned"),
      [],
    );
  });

  it("says which setting is missing", async () => {
    red.logs.length = 0;
    await red.deploy(flow(temporaryFolder(), service.url, { format: "avro", subject: "" }));
    await red.until("it says so", () => red.logs.some(({ msg }) => /Subject: is required/u.test(String(msg))));
  });
});
