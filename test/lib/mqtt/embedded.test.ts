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

  /** A client that publishes without waiting, and what was acknowledged to it. */
  const publisher = async (port: number, clientId = "p") => {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId, clean: false, reconnectPeriod: 50 });
    const acknowledged: string[] = [];
    const publish = (topic: string, text: string, options: mqtt.IClientPublishOptions): void =>
      void client.publish(topic, text, options, (error) => {
        if (!error) acknowledged.push(text);
      });
    return { client, acknowledged, publish };
  };

  for (const qos of [1, 2] as const) {
    it(`acknowledges a message when the subscriber that attends here has (QoS ${qos})`, async () => {
      const { broker, port } = await start();
      broker.attend("s", ["t"], qos);
      const watched = await watch(brokerAt(port, 4), { session: session("s"), qos });
      const { client, acknowledged, publish } = await publisher(port);
      numbered(5).forEach((text) => publish("t", text, { qos }));
      await until("5 came", () => watched.texts.length === 5);
      assert.deepEqual(acknowledged, []);
      watched.received.slice(0, 3).forEach(({ finish }) => finish());
      await until("3 are acknowledged", () => acknowledged.length === 3);
      watched.received.forEach(({ finish }) => finish());
      await until("5 are acknowledged", () => acknowledged.length === 5);
      assert.deepEqual(acknowledged, numbered(5));
      await client.endAsync();
      await watched.subscriber.close();
      await broker.close();
    });

    it(`publishes once what a publisher of this Node-RED sends again before it was acknowledged (QoS ${qos})`, async () => {
      const { broker, port } = await start();
      broker.attend("s", ["t"], qos);
      const leave = broker.join("p");
      const watched = await watch(brokerAt(port, 4), { session: session("s"), qos });
      const { client, acknowledged, publish } = await publisher(port);
      numbered(20).forEach((text) => publish("t", text, { qos }));
      await until("20 came", () => watched.texts.length === 20);
      const again = new Promise<void>((resolve) => {
        client.on("packetreceive", ({ cmd }) => cmd === "connack" && resolve());
      });
      client.stream.destroy();
      await again;
      watched.received.forEach(({ finish }) => finish());
      await until("20 are acknowledged", () => acknowledged.length === 20);
      publish("t", "20", { qos });
      await until("the one after came", () => watched.texts.length > 20);
      watched.received.forEach(({ finish }) => finish());
      await until("all are acknowledged", () => acknowledged.length === 21);
      assert.deepEqual(watched.texts, numbered(21));
      await client.endAsync();
      leave();
      await watched.subscriber.close();
      await broker.close();
    });
  }

  it("keeps what is published before a subscriber that attends has connected", async () => {
    const { broker, port } = await start();
    broker.attend("s", ["t"], 1);
    const { client, acknowledged, publish } = await publisher(port);
    numbered(3).forEach((text) => publish("t", text, { qos: 1 }));
    const watched = await watch(brokerAt(port, 4), { session: session("s"), eager: true });
    await until("3 are acknowledged", () => acknowledged.length === 3);
    assert.deepEqual(watched.texts, numbered(3));
    await client.endAsync();
    await watched.subscriber.close();
    await broker.close();
  });

  it("holds publishers for a subscriber that is away, and no longer once it has gone for good", async () => {
    const { broker, port } = await start();
    const leave = broker.attend("s", ["t"], 1);
    const { client, acknowledged, publish } = await publisher(port);
    numbered(3).forEach((text) => publish("t", text, { qos: 1 }));
    publish("other", "nobody's", { qos: 1 });
    await until("what nobody asked for is acknowledged", () => acknowledged.length > 0);
    broker.settle();
    leave();
    const [again] = [broker.attend("s", ["t"], 1)];
    broker.settle();
    publish("other", "nobody's either", { qos: 1 });
    await until("still only that", () => acknowledged.length === 2);
    assert.deepEqual(acknowledged, ["nobody's", "nobody's either"]);
    again();
    broker.settle();
    await until("all are acknowledged", () => acknowledged.length === 5);
    await client.endAsync();
    await broker.close();
  });

  it("does not wait for others' sessions that are away", async () => {
    const { broker, port } = await start();
    const foreign = await watch(brokerAt(port, 4), { session: session("foreign") });
    await foreign.subscriber.close();
    await publishAll(port, "t", numbered(5), 1);
    const back = await watch(brokerAt(port, 4), { session: session("foreign"), eager: true });
    await until("5 came", () => back.texts.length === 5);
    assert.deepEqual(back.texts, numbered(5));
    await back.subscriber.close();
    await broker.close();
  });

  it("gives messages out in the order in which they came, whatever their QoS, retained or not", async () => {
    const { broker, port } = await start();
    broker.attend("s", ["t", "r"], 1);
    const watched = await watch(brokerAt(port, 4), { session: session("s"), filters: ["t", "r"], eager: true });
    const { client, acknowledged, publish } = await publisher(port);
    numbered(300).forEach((text, n) =>
      publish(n % 5 === 0 ? "r" : "t", text, { qos: (n % 3) as 0 | 1 | 2, retain: n % 5 === 0 }),
    );
    await until("300 came", () => watched.texts.length >= 300);
    await until("300 are acknowledged", () => acknowledged.length === 300);
    const inOrder = (texts: readonly string[]): boolean =>
      texts.every((text, at) => at === 0 || Number(texts[at - 1]) < Number(text));
    assert.equal(new Set(watched.texts).size, 300);
    for (const qos of [0, 1, 2])
      assert.ok(
        inOrder(watched.texts.filter((text) => Number(text) % 3 === qos)),
        `QoS ${qos}: ${watched.texts.join()}`,
      );
    await client.endAsync();
    await watched.subscriber.close();
    await broker.close();
  });

  it("reads no more from a publisher that has 10,000 messages unfinished, and goes on", async () => {
    const { broker, port } = await start();
    broker.attend("s", ["t"], 1);
    const observer = await watch(brokerAt(port, 4), {
      session: session("o", { persistent: false }),
      qos: 0,
      eager: true,
    });
    const { client, acknowledged, publish } = await publisher(port);
    numbered(12_000).forEach((text) => publish("t", text, { qos: 1 }));
    await until("10,000 were given out", () => observer.texts.length >= 10_000, 20_000);
    const later = await publisher(port, "another");
    later.publish("free", "x", { qos: 1 });
    await until("another is served meanwhile", () => later.acknowledged.length === 1);
    // one chunk of the connection was read already
    assert.ok(observer.texts.length < 12_000, `${observer.texts.length} were taken`);
    const watched = await watch(brokerAt(port, 4), { session: session("s"), eager: true });
    await until("all are acknowledged", () => acknowledged.length === 12_000, 30_000);
    assert.deepEqual(watched.texts, numbered(12_000));
    await later.client.endAsync();
    await client.endAsync();
    await watched.subscriber.close();
    await observer.subscriber.close();
    await broker.close();
  });
});
