import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../../tools/services/for-test";
import { freePort } from "../../../tools/services/ports";
import { until } from "../../harness";
import { NODE_REDS } from "../../harness/node-reds";

const PROGRAM = path.resolve(__dirname, "../../../tools/start/start.js");

/** A record every 50 ms, to Kafka and from there into files of ten in the lake. */
const nodes = [
  { id: "tab", type: "tab", label: "small" },
  { id: "kafka", type: "citystream-kafka-cluster", brokers: "${KAFKA_BROKERS}", clientId: "start" },
  { id: "lake", type: "citystream-lake", address: "${LAKE_URL}", user: "${LAKE_USER}" },
  { id: "connect", type: "citystream-connect-cluster", urls: "${CONNECT_URL}" },
  {
    id: "inject",
    type: "inject",
    z: "tab",
    repeat: "0.05",
    props: [{ p: "payload" }],
    payload: '{"site":"Dongsi"}',
    payloadType: "json",
    wires: [["out"]],
  },
  { id: "out", type: "citystream-kafka-out", z: "tab", cluster: "kafka", topic: "{{payload.site}}_1_air", wires: [[]] },
  {
    id: "in",
    type: "citystream-kafka-in",
    z: "tab",
    cluster: "kafka",
    topics: "Dongsi_1_air",
    group: "lake",
    wires: [["sink"]],
  },
  {
    id: "sink",
    type: "citystream-hdfs-sink",
    z: "tab",
    lake: "lake",
    directory: "{{payload.site}}",
    rotateRecords: "10",
    wires: [[]],
  },
  { id: "registrar", type: "citystream-connector-registrar", z: "tab", connect: "connect", wires: [[]] },
];
// a node without a place would be taken for a configuration node
const flow = nodes.map((node) => ("z" in node ? { ...node, x: 100, y: 100 } : node));

class Run {
  output = "";
  readonly ended: Promise<unknown>;
  constructor(readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    }
    this.ended = once(child, "exit");
  }
  /** Resolves when the output has these words; rejects with all of it when the program ended before. */
  async says(words: RegExp, limit = 120_000): Promise<void> {
    const said = (): boolean => words.test(this.output);
    const over = (): boolean => this.child.exitCode !== null || this.child.signalCode !== null;
    await until(
      `it says ${words}`,
      () => said() || over(),
      limit,
      () => this.output.slice(-3000),
    );
    assert.match(this.output, words);
  }
  async interrupt(): Promise<void> {
    this.child.kill("SIGINT");
    await this.ended;
  }
}

describe("npm start", () => {
  let folder: string;
  let ports: string[];
  const runs: Run[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-start-"));
    writeFileSync(path.join(folder, "flow.json"), JSON.stringify(flow));
    ports = ["--port", String(await freePort()), "--mqtt-port", String(await freePort())];
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) {
      if (run.child.exitCode !== null || run.child.signalCode !== null) continue;
      await run.interrupt();
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  });

  const start = (env: Record<string, string>, args: readonly string[] = [], node = process.execPath): Run => {
    const given = [
      PROGRAM,
      "--data",
      path.join(folder, "data"),
      "--flow",
      path.join(folder, "flow.json"),
      ...ports,
      ...args,
    ];
    const clean = { ...process.env, KAFKA_BROKERS: "", WEBHDFS_URL: "", INFLUX_URL: "", CONNECT_URL: "", ...env };
    const run = new Run(
      spawn(node, given, { env: clean, stdio: ["ignore", "pipe", "pipe", ...(env["IPC"] ? ["ipc" as const] : [])] }),
    );
    runs.push(run);
    return run;
  };

  /** First and last offsets of the lake's files, in order. */
  const stored = (): [number, number][] => {
    const lake = path.join(folder, "data/lake/Dongsi");
    const names = existsSync(lake) ? readdirSync(lake) : [];
    return names
      .map((name): [number, number] => {
        const [, first, last] = /\+(\d+)\+(\d+)\.ndjson$/u.exec(name) ?? [];
        return [Number(first), Number(last)];
      })
      .sort(([a], [b]) => a - b);
  };

  it("runs the flow on a real Kafka, ends on Ctrl-C, and goes on where it was", async function () {
    this.timeout(300_000);
    await serviceFor(this, "kafka");
    const first = start({});
    await first.says(/Editor +http:\/\/127\.0\.0\.1:\d+\//u);
    assert.match(first.output, /Kafka +127\.0\.0\.1:\d+, data in/u);
    await until("three files are in the lake", () => stored().length >= 3, 60_000);
    await first.says(/to Kafka \d+ · from Kafka \d+ · lake \d+ · in flight \d+ · dead letters 0/u);
    await first.interrupt();
    assert.equal(first.child.exitCode, 0, first.output);
    const before = stored().length;
    assert.ok(existsSync(path.join(folder, "data/kafka/data/.kafka_cleanshutdown")));

    const second = start({});
    await until("two more files are in the lake", () => stored().length >= before + 2, 120_000);
    await second.interrupt();
    assert.equal(second.child.exitCode, 0, second.output);
    const offsets = stored();
    assert.equal(offsets[0]?.[0], 0);
    for (const [index, [begin]] of offsets.entries()) {
      if (index > 0) assert.equal(begin, (offsets[index - 1]?.[1] ?? 0) + 1, JSON.stringify(offsets));
    }
  });

  for (const version of NODE_REDS) {
    it(`runs without Kafka by links, and says so: ${version.title}`, async function () {
      this.timeout(180_000);
      const node = await version.node(this);
      const run = start({ CITYSTREAM_KAFKA: "none" }, [], node);
      await run.says(version.version === "5" ? /Node-RED +5\./u : /Node-RED +4\.1/u);
      assert.match(run.output, /Kafka +none: link nodes stand in its place/u);
      const lake = path.join(folder, "data/lake/Dongsi");
      await until("a file is in the lake", () => existsSync(lake) && readdirSync(lake).length > 0, 60_000);
      await run.interrupt();
      assert.equal(run.child.exitCode, 0, run.output);
    });
  }

  it("starts Node-RED again with the flow as it is now when npm run dev asks for it", async function () {
    this.timeout(180_000);
    const run = start({ CITYSTREAM_KAFKA: "none", IPC: "1" });
    let started = 0;
    run.child.on("message", () => started++);
    const seen = (): string => run.output.slice(-3000);
    await until("it has started", () => started === 1, 120_000, seen);
    writeFileSync(path.join(folder, "flow.json"), JSON.stringify([...flow, { id: "new", type: "comment", z: "tab" }]));
    run.child.send("restart");
    await until("it has started again", () => started === 2, 120_000, seen);
    const response = await fetch(`http://127.0.0.1:${ports[1]}/flows`);
    assert.match(await response.text(), /"new"/u);
    await run.interrupt();
    assert.equal(run.child.exitCode, 0, run.output);
  });

  it("leaves nothing running when it is killed", async function () {
    await serviceFor(this, "kafka");
    this.timeout(180_000);
    const run = start({});
    await run.says(/Editor /u);
    const port = Number(ports[1]);
    run.child.kill("SIGKILL");
    await until(
      "Node-RED is gone",
      () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => false,
          () => true,
        ),
      30_000,
    );
    await until(
      "Kafka has stored what it had and is gone",
      () => existsSync(path.join(folder, "data/kafka/data/.kafka_cleanshutdown")),
      30_000,
    );
  });

  it("says which port is taken and by which option to change it", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const editor = start({}, ["--port", String(port)]);
    const mqtt = start({}, ["--mqtt-port", String(port)]);
    await Promise.all([editor.ended, mqtt.ended]);
    other.close();
    assert.match(
      editor.output,
      new RegExp(`port ${port} of 127.0.0.1, for the editor .* is taken.* --port ${port + 1}`, "u"),
    );
    assert.match(mqtt.output, new RegExp(`port ${port} .*MQTT broker, is taken.* --mqtt-port ${port + 1}`, "u"));
    assert.deepEqual([editor.child.exitCode, mqtt.child.exitCode], [1, 1]);
  });

  it("keeps a flow that the user edited, and says so when the repository's has changed", async () => {
    const env = { CITYSTREAM_KAFKA: "none" };
    const target = path.join(folder, "data/node-red/flows.json");
    const first = start(env);
    await first.says(/Editor /u);
    await first.interrupt();
    const placed = JSON.parse(readFileSync(target, "utf8")) as { id: string; d?: boolean }[];
    assert.equal(placed.find(({ id }) => id === "registrar")?.d, true, "without Connect its nodes are disabled");

    writeFileSync(path.join(folder, "flow.json"), JSON.stringify([...flow, { id: "new", type: "comment", z: "tab" }]));
    const second = start(env);
    await second.says(/Editor /u);
    await second.interrupt();
    assert.match(readFileSync(target, "utf8"), /"new"/u);

    writeFileSync(target, JSON.stringify([{ id: "mine", type: "tab", label: "mine" }]));
    writeFileSync(path.join(folder, "flow.json"), JSON.stringify(flow));
    const third = start(env);
    await third.says(/your edited .*flows\.json is kept/u);
    await third.interrupt();
    assert.match(readFileSync(target, "utf8"), /"mine"/u);
  });
});
