import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, until, type FlowNode, type Harness } from "../harness";
import { startChild } from "../harness/child";
import { influxRows } from "../lib/influx/query";
import { clusterFor, clusterNode, kafkaIn, newTopic, record, unique, write, type Cluster } from "../lib/kafka/harness";
import { temporaryFolder } from "../lib/lake/stores";

const server = (more: Record<string, unknown>): FlowNode => ({
  id: "server",
  type: "citystream-influx-server",
  version: "1",
  database: "city",
  timeout: 5,
  ...more,
});
const sink = (measurement: string, more: Record<string, unknown> = {}): FlowNode => ({
  id: "sink",
  type: "citystream-influx-sink",
  server: "server",
  measurement,
  tags: [{ from: "payload.site", name: "" }],
  fields: [],
  time: "",
  precision: "ms",
  linger: 10,
  wires: [["stored"]],
  ...more,
});
const flow = (measurement: string, address: Record<string, unknown>, more: Record<string, unknown> = {}): FlowNode[] =>
  flowOf(server(address), { id: "s", type: "test-source", wires: [["sink"]] }, sink(measurement, more), {
    id: "stored",
    type: "test-collect",
  });
const reading = (id: number): object => ({ site: `s${id % 3}`, id, temp: id / 2 });
const deliver = (from: number, to: number): void => {
  for (let id = from; id < to; id++) laboratory.source("s").deliver(id, reading, { timestamp: 1_488_322_800_000 + id });
};

describe("influx sink", () => {
  let influx: Service<"influx">;
  let red: Harness;
  before(async function () {
    influx = await serviceFor(this, "influx");
    red = await runtimeWithTestNodes();
  });
  beforeEach(() => laboratory.reset());
  afterEach(() => red.deploy([]));
  const idsOf = async (measurement: string, url = influx.url): Promise<number[]> =>
    (await influxRows(url, "city", `SELECT id FROM ${measurement}`)).map(({ id }) => Number(id)).sort((a, b) => a - b);
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

  it("acknowledges each record when its point is in the database, exactly as sent", async () => {
    await red.deploy(flow("whole", { address: influx.url }));
    deliver(0, 500);
    await red.until("all are acknowledged", () => laboratory.source("s").count("delivered") === 500);
    assert.equal((await red.arrived("stored", 500)).length, 500);
    assert.deepEqual(await idsOf("whole"), upTo(500));
    const [row] = await influxRows(influx.url, "city", "SELECT * FROM whole WHERE id = 7");
    assert.deepEqual(row, { time: 1_488_322_800_007, id: 7, site: "s1", temp: 3.5 });
  });

  it("names the records of a batch that can't be points, or that the server refuses, and stores the others", async () => {
    const fields = [
      { from: "payload.id", name: "", kind: "integer" },
      { from: "payload.v", name: "", kind: "auto" },
    ];
    await red.deploy(flow("partly", { address: influx.url }, { fields }));
    const source = laboratory.source("s");
    const values: unknown[] = [1.5, 2.5, "text", NaN, null, 3.5, true];
    const payload = values.map((v, id) => ({
      payload: { id, v },
      timestamp: 1000 + id,
      source: { kind: "test", offset: id },
    }));
    source.source?.deliver(
      { records: 7, bytes: 100, message: (elements) => ({ payload: elements?.map((at) => payload[at]) ?? payload }) },
      (outcome, failure) => source.outcomes.set(0, { verdict: outcome, failure }),
    );
    await red.until("it is settled", () => source.outcomes.size === 1);
    const named =
      source.outcomes.get(0)?.failure?.elements?.map(({ index, error }) => `${index} ${error.message}`) ?? [];
    assert.equal(named.length, 3, named.join("; "));
    assert.match(named[0] ?? "", /^2 .*type string, already exists as type float/);
    assert.match(named[1] ?? "", /^3 Field "v" is NaN/);
    assert.match(named[2] ?? "", /^6 .*type boolean, already exists as type float/);
    assert.deepEqual(await idsOf("partly"), [0, 1, 4, 5]);
  });

  it("loses nothing and uses no try while the server answers 503 and then nothing at all", async function () {
    const proxy = await faultyProxy(influx.url);
    await red.deploy(flow("outage", { address: proxy.url }));
    const source = laboratory.source("s");
    deliver(0, 50);
    await red.until("some are stored", () => source.count("delivered") === 50);
    proxy.mode = "busy";
    deliver(50, 100);
    await red.until("the sink is red", () => red.status("sink")?.fill === "red");
    proxy.mode = "reset";
    deliver(100, 150);
    const { requests } = proxy;
    await red.until("it goes on trying", () => proxy.requests > requests + 1);
    assert.equal(source.outcomes.size, 50);
    proxy.mode = "through";
    await red.until("all are acknowledged", () => source.count("delivered") === 150, 60_000);
    assert.deepEqual(await idsOf("outage"), upTo(150));
    assert.equal(Math.max(...source.tries.values()), 1);
    assert.ok(red.logs.some((entry) => /answered 503.*Points wait, none is lost/.test(String(entry.msg))));
    await proxy.close();
  });

  it("hands back what it could not store when it is closed in flight, and stores it with the next deploy", async () => {
    const proxy = await faultyProxy(influx.url);
    proxy.mode = "busy";
    await red.deploy(flow("closed", { address: proxy.url }));
    deliver(0, 20);
    await red.until("the sink is red", () => red.status("sink")?.fill === "red");
    assert.equal(laboratory.source("s").count("delivered"), 0);
    const closing = red.deploy(flow("closed", { address: influx.url }));
    await closing;
    assert.equal(laboratory.source("s").count("delivered"), 0);
    assert.deepEqual(await idsOf("closed"), []);
    deliver(0, 20);
    await red.until("all are stored", async () => (await idsOf("closed")).length === 20);
    await proxy.close();
  });

  it("writes files for want of a server, durable before the record is acknowledged", async () => {
    const folder = temporaryFolder();
    await red.deploy(flow("filed", { version: "files", address: `file://${folder}` }));
    deliver(0, 100);
    await red.until("all are acknowledged", () => laboratory.source("s").count("delivered") === 100);
    const text = readdirSync(folder)
      .map((name) => readFileSync(path.join(folder, name), "utf8"))
      .join("");
    const answer = await fetch(`${influx.url}/write?db=city`, { method: "POST", body: text });
    assert.equal(answer.status, 204);
    assert.deepEqual(await idsOf("filed"), upTo(100));
  });

  it("refuses wrong settings by name", async () => {
    const wrong: [FlowNode[], RegExp][] = [
      [flow("m", { address: "localhost" }), /Address: "localhost" is not one/],
      [flow("m", { address: influx.url, database: "" }), /Database is required/],
      [flow("", { address: influx.url }), /Measurement: is required/],
      [flow("{{x", { address: influx.url }), /Measurement.*not closed/],
      [flow("m", { address: influx.url }, { tags: [{ from: "", name: "x" }] }), /Tags: row 1: Property: is required/],
      [flow("m", { address: influx.url }, { server: "" }), /Server: is not chosen/],
      [flow("m", { version: "files", address: "http://x" }), /Address: "http:\/\/x" is not a folder/],
    ];
    for (const [nodes, message] of wrong) {
      red.logs.length = 0;
      await red.deploy(nodes);
      const logged = red.logs.map((entry) => String(entry.msg));
      assert.ok(
        logged.some((text) => message.test(text)),
        `${message}: ${logged.join("; ")}`,
      );
      assert.equal(red.status("sink")?.fill, "red");
    }
  });

  describe("from Kafka, in a process that is killed", () => {
    const COUNT = 10_000;
    let cluster: Cluster;
    before(async function () {
      cluster = await clusterFor(this);
    });
    after(() => cluster?.close());

    it("has every point once after two kills in mid-write", async function () {
      this.timeout(300_000);
      const topic = await newTopic(cluster.kafka);
      await write(
        cluster.kafka,
        upTo(COUNT).map((id) => record(topic, reading(id), { timestamp: 1_488_322_800_000 + id })),
      );
      const flowFile = path.join(temporaryFolder(), "flow.json");
      const nodes = flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topic, unique("influx"), { wires: [["rate"]], spanRecords: 1000 }),
        {
          id: "rate",
          type: "delay",
          pauseType: "delay",
          timeout: "20",
          timeoutUnits: "milliseconds",
          wires: [["sink"]],
        },
        server({ address: influx.url }),
        sink("killed", { batch: 100 }),
      );
      writeFileSync(flowFile, JSON.stringify(nodes));
      const count = async (): Promise<number> => (await idsOf("killed")).length;
      const found: number[] = [];
      for (const goal of [1500, 4000, COUNT]) {
        const child = await startChild({ userDir: temporaryFolder(), flowFile });
        try {
          await until(`${goal} are stored`, async () => (await count()) >= goal, 90_000);
        } finally {
          await child.kill9();
        }
        found.push(await count());
      }
      assert.deepEqual(await idsOf("killed"), upTo(COUNT));
      assert.ok(
        found.slice(0, 2).every((one) => one < COUNT),
        `killed only after everything was stored: ${found.join()}`,
      );
    });
  });
});

interface Proxy {
  readonly url: string;
  mode: "through" | "busy" | "reset";
  requests: number;
  close(): Promise<void>;
}

/** Stands before a real server, and lets it through, answers 503, or breaks the connection. */
async function faultyProxy(target: string): Promise<Proxy> {
  const listener = http.createServer((request, response) => {
    proxy.requests++;
    if (proxy.mode === "reset") request.socket.resetAndDestroy();
    else if (proxy.mode === "busy") response.writeHead(503).end('{"error":"busy"}');
    else {
      const url = new URL(request.url ?? "/", target);
      const forward = http.request(url, { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      forward.on("error", () => response.destroy());
      request.pipe(forward);
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    mode: "through",
    requests: 0,
    async close() {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
  return proxy;
}
