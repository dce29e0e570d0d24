import assert from "node:assert/strict";
import net from "node:net";
import mqtt from "mqtt";
import { EmbeddedBroker } from "../../../nodes/lib/mqtt/embedded";
import { probeBroker } from "../../../nodes/lib/mqtt/probe";
import { until } from "../../harness";
import { brokerAt, numbered, publishAll, session, watch } from "./brokers";
import { freePort } from "../../../tools/services/ports";
import { reaches } from "./mosquitto";

const start = async (more: { username?: string; password?: string } = {}) => {
  const warnings: string[] = [];
  const port = await freePort();
  const broker = new EmbeddedBroker({ port, warn: (text) => warnings.push(text), ...more });
  await broker.ready(() => undefined);
  return { broker, port, warnings };
};

describe("the embedded broker", () => {
  for (const qos of [0, 1, 2] as const)
    it(`brings messages from publisher to subscriber, acknowledged late (QoS ${qos})`, async () => {
      const { broker, port } = await start();
      const watched = await watch(brokerAt(port, 4), { session: session("s"), filters: ["a/#"], qos });
      await publishAll(port, "a/b", numbered(30), qos);
      await until("30 came", () => watched.texts.length === 30);
      assert.deepEqual(watched.texts, numbered(30));
      watched.received.forEach(({ finish }) => finish());
      await watched.subscriber.close();
      await broker.close();
      assert.equal(await reaches(port), false, "its port is free again");
    });

  it("sends again what a subscriber had not acknowledged before it went", async () => {
    const { broker, port } = await start();
    const first = await watch(brokerAt(port, 4), { session: session("s") });
    await publishAll(port, "t", numbered(5), 1);
    await until("5 came", () => first.texts.length === 5);
    first.received.slice(0, 2).forEach(({ finish }) => finish());
    await first.subscriber.close();
    const second = await watch(brokerAt(port, 4), { session: session("s"), eager: true });
    await until("3 came again", () => second.texts.length >= 3);
    assert.deepEqual(second.texts, numbered(3, 2));
    await second.subscriber.close();
    await broker.close();
  });

  it("refuses MQTT 5 with a reason that the client can show", async () => {
    const { broker, port, warnings } = await start();
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, reconnectPeriod: 0 });
    const reasons: string[] = [];
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "connack") reasons.push(`${packet.reasonCode} ${packet.properties?.reasonString ?? ""}`);
    });
    const error = await new Promise<Error>((resolve) => client.once("error", resolve));
    assert.match(error.message, /Unsupported Protocol Version/);
    assert.deepEqual(reasons, ["132 the embedded broker speaks MQTT 3.1.1 only"]);
    assert.match(warnings[0] ?? "", /asked for MQTT 5/);
    client.end(true);
    await assert.rejects(probeBroker(brokerAt(port, 5)), /does not speak this MQTT version: choose 3\.1\.1/);
    await broker.close();
  });

  it("lets in only who knows the password, when one is set", async () => {
    const { broker, port } = await start({ username: "sensor", password: "secret" });
    await assert.rejects(probeBroker(brokerAt(port, 4)), /refused user name or password/);
    await assert.rejects(
      probeBroker(brokerAt(port, 4, { username: "sensor", password: "wrong" })),
      /refused user name or password/,
    );
    const found = await probeBroker(brokerAt(port, 4, { username: "sensor", password: "secret" }));
    assert.equal(found.version, "3.1.1");
    await broker.close();
  });

  it("names a port that is taken, and starts when it is free", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as net.AddressInfo;
    const warnings: string[] = [];
    const reasons: string[] = [];
    const broker = new EmbeddedBroker({ port, warn: (text) => warnings.push(text) });
    const ready = broker.ready((reason) => reasons.push(reason.text));
    await until("it says so", () => reasons.length > 0);
    assert.match(reasons[0] ?? "", new RegExp(`port ${port} is taken`));
    other.close();
    await ready;
    assert.deepEqual(warnings.length, 1, "said once");
    await probeBroker(brokerAt(port, 4));
    await broker.close();
  });

  it("lives on when clients send rubbish or vanish", async () => {
    const { broker, port } = await start();
    for (const rubbish of ["GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xff\xff", ""]) {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.write(rubbish, "latin1");
      socket.resetAndDestroy();
    }
    const found = await probeBroker(brokerAt(port, 4));
    assert.equal(found.version, "3.1.1");
    await broker.close();
  });
});
