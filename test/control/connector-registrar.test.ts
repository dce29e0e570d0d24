import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Registered } from "../../nodes/lib/connect/register";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { flowOf, nodeRed, until, type FlowNode } from "../harness";

const text = (entries: readonly { msg: unknown }[]): string => entries.map(({ msg }) => String(msg)).join("\n");

describe("connector registrar", () => {
  let connect: Service<"connect">;
  let folder: string;
  before(async function () {
    connect = await serviceFor(this, "connect");
    folder = mkdtempSync(path.join(tmpdir(), "citystream-registrar-"));
  });
  after(async () => {
    const red = await nodeRed();
    await red.deploy([]);
    const names = connect ? ((await (await fetch(`${connect.url}/connectors`)).json()) as string[]) : [];
    for (const name of names) await fetch(`${connect.url}/connectors/${name}`, { method: "DELETE" });
    if (folder) rmSync(folder, { recursive: true });
  });

  const registrar = (id: string, settings: Record<string, unknown>): FlowNode => ({
    id,
    type: "citystream-connector-registrar",
    connect: "cluster",
    connector: "",
    config: "",
    atStart: true,
    timeLimit: 60,
    settle: 0.3,
    wires: [["out"]],
    ...settings,
  });
  const flow = (nodes: readonly FlowNode[], urls = connect.url): FlowNode[] =>
    flowOf(
      { id: "cluster", type: "citystream-connect-cluster", urls },
      ...nodes,
      { id: "out", type: "test-collect" },
      { id: "catch", type: "catch", scope: null, wires: [["caught"]] },
      { id: "caught", type: "test-collect" },
    );
  const source = (name: string) => ({
    name,
    "connector.class": "FileStreamSource",
    file: path.join(folder, `${name}.in`),
    topic: name,
  });
  const sink = (name: string, topics: string) => ({
    name,
    "connector.class": "FileStreamSink",
    topics,
    file: path.join(folder, `${name}.out`),
  });

  it("registers a source and a sink when flows start, and lines flow from file to file through Kafka", async () => {
    const red = await nodeRed();
    appendFileSync(path.join(folder, "lines.in"), "하나\ntwo\n");
    const nodes = [
      registrar("source", { config: JSON.stringify(source("lines")) }),
      registrar("sink", { config: JSON.stringify(sink("copy", "lines")) }),
    ];
    await red.deploy(flow(nodes));
    const messages = await red.arrived("out", 2, 50_000);
    const states = messages.map(({ payload }) => payload as Registered);
    assert.deepEqual(states.map(({ name, action, state, type }) => `${name} ${action} ${type} ${state}`).sort(), [
      "copy created sink RUNNING",
      "lines created source RUNNING",
    ]);
    assert.ok(states.every(({ tasks }) => tasks.length === 1 && tasks[0]?.state === "RUNNING"));
    const copy = path.join(folder, "copy.out");
    await until(
      "both lines are in the copy",
      () => existsSync(copy) && /two\n/u.test(readFileSync(copy, "utf8")),
      30_000,
    );
    appendFileSync(path.join(folder, "lines.in"), "셋\n");
    await until("the third line follows", () => readFileSync(copy, "utf8") === "하나\ntwo\n셋\n", 30_000);
    const fills = (): unknown[] => ["source", "sink"].map((id) => red.status(id)?.fill);
    await red.until("both nodes are green", () => fills().join() === "green,green", 60_000, fills);
  });

  it("registers what messages carry, each once, and keeps their other properties", async () => {
    const red = await nodeRed();
    await red.deploy(flow([registrar("node", {})]));
    const config = source("carried");
    red.receive("node", { payload: config, kept: 1 });
    red.receive("node", { payload: JSON.stringify({ name: "carried", config }) });
    const messages = await red.arrived("out", 2, 50_000);
    assert.deepEqual(
      messages.map(({ payload }) => (payload as Registered).action),
      ["created", "unchanged"],
    );
    assert.equal(messages[0]?.["kept"], 1);
  });

  it("gives an unknown class to Catch nodes with Connect's message, and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow([registrar("node", {})]));
    red.receive("node", { payload: { ...source("wrong"), "connector.class": "org.example.NoSuch" } });
    const [message] = await red.arrived("caught", 1);
    const { message: said } = message?.["error"] as { message: string };
    assert.match(
      said,
      /Failed to find any class that implements Connector and which name matches org\.example\.NoSuch/u,
    );
    await red.until("the node is red", () => red.status("node")?.fill === "red");
    assert.equal((await fetch(`${connect.url}/connectors/wrong`)).status, 404);
    red.receive("node", { payload: source("right") });
    await red.arrived("out", 1, 50_000);
    await red.until("the node is green", () => red.status("node")?.fill === "green");
  });

  it("tells the exception of a task that fails at its start", async () => {
    const red = await nodeRed();
    await red.deploy(flow([registrar("node", {})]));
    red.receive("node", { payload: { ...sink("lost", "lines"), file: path.join(folder, "no/such/folder") } });
    const [message] = await red.arrived("caught", 1, 50_000);
    assert.match((message?.["error"] as Error).message, /task 0 of connector "lost" failed: .*NoSuchFileException/u);
  });

  it("refuses what is no configuration, one message after the other", async () => {
    const red = await nodeRed();
    await red.deploy(flow([registrar("node", {})]));
    const bad = [null, 7, "{", [], {}, { name: "x" }, "x".repeat(10_000_000), { name: "x", "connector.class": {} }];
    for (const payload of bad) red.receive("node", { payload });
    const caught = await red.arrived("caught", bad.length);
    assert.match(
      text(caught.map(({ error }) => ({ msg: (error as Error).message }))),
      /not null[^]*not number[^]*not JSON/u,
    );
    assert.equal(red.collected("out").length, 0);
  });

  it("waits for a Connect that is away and registers when it comes", async function () {
    const red = await nodeRed();
    const own = await serviceFor(this, "connect", { own: true });
    try {
      await own.kill9();
      red.logs.length = 0;
      await red.deploy(flow([registrar("node", { config: JSON.stringify(source("later")), timeLimit: 90 })], own.url));
      await red.until("the node is red", () => red.status("node")?.fill === "red");
      assert.match(text(red.logs), /cannot be reached: .*ECONNREFUSED/u);
      await own.start();
      const [message] = await red.arrived("out", 1, 120_000);
      assert.equal((message?.payload as Registered).state, "RUNNING");
      await red.until("the node is green", () => red.status("node")?.fill === "green");
    } finally {
      await own.kill9();
    }
  });

  it("fails the message it waits with when it is closed, and closes at once", async () => {
    const red = await nodeRed();
    const nodes = [registrar("node", {})];
    // no Catch node, which would take the error: it is logged
    const uncaught = flow(nodes, "http://127.0.0.1:1").filter(({ type }) => type !== "catch");
    await red.deploy(uncaught);
    red.receive("node", { payload: source("never") });
    await red.until("the node waits", () => red.status("node")?.fill === "red");
    red.logs.length = 0;
    const began = Date.now();
    await red.deploy(flow(nodes, connect.url));
    assert.ok(Date.now() - began < 5000);
    assert.match(text(red.logs), /closed before the connector ran/u);
    assert.equal(red.collected("out").length, 0);
  });

  it("shows settings that cannot work", async () => {
    const red = await nodeRed();
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ connect: "" }, /Connect: is not chosen/u],
      [{ config: "{" }, /Configuration: /u],
      [{ config: '{"name":"a"}' }, /Configuration: .*lacks "connector.class"/u],
      [{ timeLimit: 0 }, /Time to run \(s\): 0 is below 1/u],
    ];
    for (const [settings, words] of wrong) {
      red.logs.length = 0;
      await red.deploy(flow([registrar("node", settings)]));
      await red.until("the node is red", () => red.status("node")?.fill === "red");
      assert.match(text(red.logs), words);
    }
  });
});
