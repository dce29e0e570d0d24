/** mqtt in scaled out by a shared subscription, and on connections that fail without a word. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "../../tools/services/ports";
import { Proxy } from "../faults/lab/proxy";
import { flowOf, nodeRed, until, type FlowNode } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import { counted, numbered, publishAll } from "../lib/mqtt/brokers";
import { ownMosquitto, type Mosquitto } from "../lib/mqtt/mosquitto";
import { observeTopic } from "../lib/mqtt/observer";

describe("mqtt in under faults", () => {
  let folder: string;
  const children: NodeRedChild[] = [];
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-mqtt-"));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await child.kill9();
    rmSync(folder, { recursive: true, force: true });
  });

  const broker = (address: string, more: object = {}): FlowNode => ({
    id: "broker",
    type: "citystream-mqtt-broker",
    server: "address",
    address,
    version: "5",
    ...more,
  });

  it("loses nothing when one of two processes that share a subscription is killed at QoS 1", async function shared() {
    this.timeout(400_000);
    const mosquitto: Mosquitto = await ownMosquitto(this, { maxInflight: 200 });
    const count = 1_500;
    const start = async (name: string): Promise<NodeRedChild> => {
      const userDir = path.join(folder, name);
      mkdirSync(userDir, { recursive: true });
      const flowFile = path.join(userDir, "flow-under-test.json");
      const flow = flowOf(
        broker(mosquitto.url),
        {
          id: "in",
          type: "citystream-mqtt-in",
          broker: "broker",
          topics: "$share/city/shared/#",
          qos: "1",
          format: "json",
          inFlight: 100,
          clientId: `shared-${name}`,
          wires: [["mark"]],
        },
        {
          id: "mark",
          type: "function",
          func: `msg.payload = "${name} " + msg.payload; return msg;`,
          outputs: 1,
          wires: [["delay"]],
        },
        {
          id: "delay",
          type: "delay",
          pauseType: "delay",
          timeout: "20",
          timeoutUnits: "milliseconds",
          outputs: 1,
          wires: [["to"]],
        },
        { id: "to", type: "citystream-mqtt-out", broker: "broker", publishTo: "result", qos: "1", wires: [[]] },
      );
      writeFileSync(flowFile, JSON.stringify(flow));
      const child = await startChild({ userDir, flowFile });
      children.push(child);
      return child;
    };
    const observer = await observeTopic(mosquitto.url, "result");
    const numbersBy = (name: string): string[] =>
      observer.texts.filter((text) => text.startsWith(name)).map((text) => text.split(" ")[1] ?? "");
    const numbers = (): string[] => observer.texts.map((text) => text.split(" ")[1] ?? "");
    try {
      const [first] = [await start("first"), await start("second")];
      // Both take part before what is counted is sent.
      await until(
        "both get their share",
        async () => {
          await publishAll(mosquitto.port, "shared/warm", ["-1", "-1", "-1", "-1"], 1);
          return numbersBy("first").length > 0 && numbersBy("second").length > 0;
        },
        120_000,
      );
      const sending = publishAll(mosquitto.port, "shared/x", numbered(count), 1);
      await until("a quarter has come", () => counted(numbered(count), numbers()).missing < count * 0.75, 120_000);
      await first.kill9();
      await sending;
      // What the broker had given to the killed one waits in its session.
      const again = start("first");
      await again;
      await until("all came", () => counted(numbered(count), numbers()).missing === 0, 180_000).catch(
        (error: Error) => {
          throw new Error(`${error.message}: ${counted(numbered(count), numbers()).missing} are missing`);
        },
      );
      const { missing, repeated } = counted(
        numbered(count),
        numbers().filter((text) => text !== "-1"),
      );
      const shares = [numbersBy("first").length, numbersBy("second").length];
      console.log(`      ${count} sent, ${missing} missing, ${repeated} repeated; shares ${shares.join(" and ")}`);
      assert.equal(missing, 0);
      assert.ok(repeated <= 100 + 200, `${repeated} repeated: more than was in flight`);
    } finally {
      await observer.end();
      await mosquitto.stop();
    }
  });

  it("notices by its keepalive that a connection is half open, says so, and loses nothing", async function stalled() {
    this.timeout(300_000);
    const mosquitto: Mosquitto = await ownMosquitto(this, { maxInflight: 200 });
    const red = await nodeRed();
    const proxy = new Proxy(await freePort(), mosquitto.port);
    try {
      // Absent at the start.
      await red.deploy(
        flowOf(
          broker(`mqtt://${proxy.address}`, { keepalive: 5 }),
          {
            id: "in",
            type: "citystream-mqtt-in",
            broker: "broker",
            topics: "half/#",
            qos: "1",
            clientId: "half-open",
            deadLetterFolder: folder,
            wires: [["out"]],
          },
          { id: "out", type: "test-collect" },
        ),
      );
      const text = (): string => `${red.status("in")?.fill} ${red.status("in")?.text}`;
      await red.until("it is red while nobody listens", () => red.status("in")?.fill === "red", 60_000);
      await proxy.set({ kind: "none" });
      await red.until("connected", () => text().includes("connected"), 60_000);
      await publishAll(mosquitto.port, "half/x", numbered(50), 1);
      await red.arrived("out", 50, 60_000);
      await proxy.set({ kind: "stall" });
      const stalledAt = Date.now();
      await publishAll(mosquitto.port, "half/x", numbered(100).slice(50), 1);
      await red.until(`it is red, not "${text()}"`, () => red.status("in")?.fill === "red", 120_000);
      console.log(`      noticed after ${((Date.now() - stalledAt) / 1000).toFixed(1)} s with a keepalive of 5 s`);
      await proxy.set({ kind: "none" });
      const arrived = (): string[] => red.collected("out").map(({ message }) => String(message.payload));
      await until("all came", () => counted(numbered(100), arrived()).missing === 0, 120_000);
      await red.until("connected again", () => text().includes("connected"), 60_000);
    } finally {
      await red.deploy([]);
      await proxy.close();
      await mosquitto.stop();
    }
  });
});
