import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import mqtt, { MqttClient } from "mqtt";
import type { Version } from "../../../nodes/lib/mqtt/connection";
import { until } from "../../harness";
import { brokerAt, counted, numbered, publishAll, session, watch } from "./brokers";
import { ownMosquitto, type Mosquitto } from "./mosquitto";
import { startProxy, type Proxy } from "./proxy";

describe("a subscriber", function () {
  let mosquitto: Mosquitto;
  let proxy: Proxy;
  before(async function () {
    mosquitto = await ownMosquitto(this, { maxInflight: 100 });
  });
  beforeEach(async () => {
    proxy = await startProxy(mosquitto.port);
  });
  afterEach(() => proxy.close());
  after(() => mosquitto?.stop());

  const acknowledgements = (cmd: "puback" | "pubrec"): number[] =>
    proxy.sent.flatMap(({ packet }) => (packet.cmd === cmd ? [packet.messageId ?? -1] : []));

  for (const version of [4, 5] as Version[])
    for (const qos of [1, 2] as const) {
      const words = `MQTT ${version === 5 ? "5" : "3.1.1"}, QoS ${qos}`;

      it(`has many messages in flight and acknowledges them in their order once finished (${words})`, async () => {
        const watched = await watch(brokerAt(proxy.port, version), {
          session: session(`order-${version}-${qos}`),
          qos,
        });
        await publishAll(mosquitto.port, "t", numbered(50), qos);
        await until("50 in flight", () => watched.texts.length === 50);
        assert.deepEqual(watched.texts, numbered(50));
        const cmd = qos === 1 ? "puback" : "pubrec";
        for (const { finish } of watched.received.slice(1).reverse()) finish();
        assert.deepEqual(acknowledgements(cmd), [], "nothing before the first is finished");
        watched.received[0]?.finish();
        await until("50 acknowledgements", () => acknowledgements(cmd).length === 50);
        assert.deepEqual(
          acknowledgements(cmd),
          watched.received.map(({ packet }) => packet.messageId),
        );
        await watched.subscriber.close();
      });

      it(`loses and repeats nothing when the connection is cut in mid-stream (${words})`, async () => {
        const watched = await watch(brokerAt(proxy.port, version), { session: session(`cut-${version}-${qos}`), qos });
        await publishAll(mosquitto.port, "t", numbered(40), qos);
        await until("40 in flight", () => watched.texts.length === 40);
        watched.received.slice(0, 10).forEach(({ finish }) => finish());
        await until("10 acknowledged", () => acknowledgements(qos === 1 ? "puback" : "pubrec").length === 10);
        proxy.cut();
        await until("connected again", () => proxy.connections === 2 && watched.downs.length > 0);
        watched.received.slice(10).forEach(({ finish }) => finish());
        await publishAll(mosquitto.port, "t", numbered(20, 40), qos);
        await until("60 came", () => watched.texts.length >= 60);
        watched.received.forEach(({ finish }) => finish());
        await until("all acknowledged", () => acknowledgements(qos === 1 ? "puback" : "pubrec").length >= 60);
        assert.deepEqual(counted(numbered(60), watched.texts), { missing: 0, repeated: 0 });
        await watched.subscriber.close();
      });

      it(`loses nothing when the broker restarts in mid-stream (${words})`, async () => {
        const watched = await watch(brokerAt(mosquitto.port, version), {
          session: session(`restart-${version}-${qos}`),
          qos,
          eager: true,
        });
        const sending = publishAll(mosquitto.port, "t", numbered(3_000), qos);
        await until("the stream flows", () => watched.texts.length > 300);
        await mosquitto.restart();
        await sending;
        await until("all came", () => counted(numbered(3_000), watched.texts).missing === 0, 15_000).catch(
          (e: Error) => {
            const seen = new Set(watched.texts);
            console.log(
              "MISSING",
              numbered(3000)
                .filter((x) => !seen.has(x))
                .join(" "),
              watched.texts.length,
              watched.downs,
              watched.subscriptions,
              watched.subscriber.unfinished,
              watched.texts.slice(-3),
            );
            throw e;
          },
        );
        // the sender keeps its session, so that at QoS 2 its own second tries are recognised by the broker
        if (qos === 2) assert.equal(counted(numbered(3_000), watched.texts).repeated, 0);
        await watched.subscriber.close();
      });

      it(`gets what it had not acknowledged in its next life (${words})`, async () => {
        const id = `life-${version}-${qos}`;
        const first = await watch(brokerAt(mosquitto.port, version), { session: session(id), qos });
        await publishAll(mosquitto.port, "t", numbered(10), qos);
        await until("10 in flight", () => first.texts.length === 10);
        first.received.slice(0, 4).forEach(({ finish }) => finish());
        await first.subscriber.close();
        await publishAll(mosquitto.port, "t", numbered(5, 10), qos);
        const second = await watch(brokerAt(mosquitto.port, version), { session: session(id), qos, eager: true });
        await until("the rest", () => second.texts.length >= 11);
        assert.deepEqual(second.texts, numbered(11, 4));
        await second.subscriber.close();
      });
    }

  it("takes no more than its limit, over MQTT 5 and over a broker that would send everything", async () => {
    for (const version of [4, 5] as Version[]) {
      const watched = await watch(brokerAt(proxy.port, version), {
        session: session(`limit-${version}`, { receiveMaximum: 10 }),
        limit: 10,
      });
      await publishAll(mosquitto.port, "t", numbered(60), 1);
      await until("10 came", () => watched.texts.length === 10);
      await until("the source is told that it is full", () => watched.fulls > 0);
      assert.equal(watched.subscriber.unfinished, 10);
      for (let next = 0; next < 60; next += 1) {
        await until(`message ${next}`, () => watched.received.length > next);
        assert.ok(watched.subscriber.unfinished <= 10);
        watched.received[next]?.finish();
      }
      assert.deepEqual(watched.texts, numbered(60));
      await watched.subscriber.close();
    }
  });

  it("stays connected while it is full for longer than the keepalive", async () => {
    const watched = await watch(brokerAt(proxy.port, 4, { keepalive: 1 }), { session: session("alive"), limit: 1 });
    await publishAll(mosquitto.port, "t", numbered(3), 1);
    await until("one came", () => watched.texts.length === 1);
    await until(
      "pings went out",
      () => proxy.sent.filter(({ packet }) => packet.cmd === "pingreq").length >= 4,
      15_000,
    );
    assert.equal(proxy.connections, 1);
    assert.deepEqual(watched.downs, []);
    for (let next = 0; next < 3; next += 1) {
      await until(`message ${next}`, () => watched.received.length > next);
      watched.received[next]?.finish();
    }
    await watched.subscriber.close();
  });

  it("takes nothing while paused and everything afterwards", async () => {
    const watched = await watch(brokerAt(mosquitto.port), { session: session("paused"), eager: true });
    watched.subscriber.pause();
    await publishAll(mosquitto.port, "t", numbered(20), 1);
    assert.deepEqual(watched.texts, []);
    watched.subscriber.resume();
    await until("20 came", () => watched.texts.length === 20);
    assert.deepEqual(watched.texts, numbered(20));
    await watched.subscriber.close();
  });

  it("shares a subscription with others, each message going to one of them", async () => {
    const group = await Promise.all(
      ["a", "b"].map((name) =>
        watch(brokerAt(mosquitto.port), {
          session: session(`share-${name}`),
          filters: ["$share/group/shared/#"],
          eager: true,
        }),
      ),
    );
    await publishAll(mosquitto.port, "shared/x", numbered(100), 1);
    const all = (): string[] => group.flatMap(({ texts }) => texts);
    await until("100 came", () => all().length >= 100);
    assert.deepEqual(counted(numbered(100), all()), { missing: 0, repeated: 0 });
    assert.ok(
      group.every(({ texts }) => texts.length > 0),
      "each got a share",
    );
    await Promise.all(group.map(({ subscriber }) => subscriber.close()));
  });

  it("takes several filters, and a retained message once even if it connects again", async () => {
    const client = await mqtt.connectAsync(mosquitto.url);
    await client.publishAsync("kept/1", "retained", { qos: 1, retain: true });
    const watched = await watch(brokerAt(proxy.port), {
      session: session("retained"),
      filters: ["kept/+", "other"],
      eager: true,
    });
    await until("it came", () => watched.texts.length === 1);
    assert.equal(watched.received[0]?.packet.retain, true);
    await until("it is acknowledged", () => acknowledgements("puback").length === 1);
    proxy.cut();
    await until("connected again", () => watched.subscriptions === 2);
    await client.publishAsync("other", "later", { qos: 1 });
    await until("the later one", () => watched.texts.includes("later"));
    assert.deepEqual(watched.texts, ["retained", "later"]);
    await client.publishAsync("kept/1", "", { retain: true });
    await client.endAsync();
    await watched.subscriber.close();
  });

  it("acknowledges and names what an old subscription of its session brings", async () => {
    const first = await watch(brokerAt(mosquitto.port), { session: session("old"), filters: ["old", "t"] });
    await first.subscriber.close();
    await publishAll(mosquitto.port, "old", ["stale"], 1);
    const second = await watch(brokerAt(mosquitto.port), { session: session("old"), filters: ["t"], eager: true });
    await publishAll(mosquitto.port, "t", ["wanted"], 1);
    await until("the wanted one", () => second.texts.length === 1);
    assert.deepEqual(second.texts, ["wanted"]);
    assert.deepEqual(second.notices, ["unwanted old"]);
    await second.subscriber.close();
  });

  it("hands on what comes at once in pieces, between which the event loop turns", async () => {
    const ALL = 2000;
    const client = await mqtt.connectAsync(mosquitto.url);
    const watched = await watch(brokerAt(mosquitto.port), { session: session("pieces"), qos: 0, eager: true });
    const pieces = [0];
    let before = 0;
    let next: NodeJS.Immediate | undefined;
    const turns = (): void => {
      pieces.push(watched.texts.length - before);
      before = watched.texts.length;
      next = setImmediate(turns);
    };
    turns();
    // One piece of the publisher's own, which the broker passes on as such.
    client.stream.cork();
    for (const text of numbered(ALL)) client.publish("t", text);
    client.stream.uncork();
    await until("all came", () => watched.texts.length === ALL);
    clearImmediate(next);
    assert.deepEqual(watched.texts, numbered(ALL));
    assert.ok(Math.max(...pieces) <= 64, `${Math.max(...pieces)} messages came in one turn`);
    await client.endAsync();
    await watched.subscriber.close();
  });

  it("brings a payload of 10 MB whole", async () => {
    const watched = await watch(brokerAt(mosquitto.port), { session: session("large"), eager: true });
    const large = "x".repeat(10 * 1024 * 1024);
    await publishAll(mosquitto.port, "t", [large], 1);
    await until("it came", () => watched.texts.length === 1);
    assert.equal(watched.texts[0] === large, true);
    await watched.subscriber.close();
  });

  it("says that the broker is away and comes back when it is there, without end", async () => {
    await mosquitto.stop();
    const watched = await watch(brokerAt(mosquitto.port), { session: session("late"), impatient: true, eager: true });
    await until("two attempts failed", () => watched.downs.length >= 2);
    assert.match(watched.downs[0] ?? "", /away: nothing listens at mqtt:\/\/127\.0\.0\.1/);
    await mosquitto.start();
    await until("subscribed", () => watched.subscriptions === 1, 20_000);
    await watched.subscriber.close();
  });
});

describe("a subscriber that the broker refuses", function () {
  let mosquitto: Mosquitto;
  before(async function () {
    mosquitto = await ownMosquitto(this, {
      users: { sensor: "secret" },
      acl: ["user sensor", "topic readwrite allowed/#"],
    });
  });
  after(() => mosquitto?.stop());

  for (const version of [4, 5] as Version[])
    it(`says that the login is refused and tries again (MQTT ${version})`, async () => {
      const login = { username: "sensor", password: "wrong" };
      const broker = brokerAt(mosquitto.port, version, login);
      const watched = await watch(broker, { session: session(`login-${version}`), impatient: true });
      await until("refused twice", () => watched.downs.length >= 2);
      assert.match(watched.downs[0] ?? "", /^login: the broker at .* refused/);
      await watched.subscriber.close();
    });

  it("names the topic filter that it may not subscribe to, and gets it when it may", async () => {
    const { Aedes } = await import("aedes");
    let allowed = false;
    const aedes = await Aedes.createBroker({
      authorizeSubscribe: (_client, subscription, done) =>
        done(null, subscription.topic === "secret" && !allowed ? null : subscription),
    });
    const server = net.createServer((socket) => aedes.handle(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const filters = ["open", "secret"];
    const watched = await watch(brokerAt(port, 4), { session: session("acl"), filters, impatient: true });
    await until("a notice", () => watched.notices.length > 0);
    assert.match(watched.notices[0] ?? "", /refuses the subscription to secret \(/);
    assert.equal(watched.subscriptions, 0);
    allowed = true;
    await until("subscribed after all", () => watched.subscriptions === 1);
    await watched.subscriber.close();
    server.close();
    aedes.close();
  });
});

describe("what the subscriber needs of MQTT.js", () => {
  it("is there: _sendPacket, handleMessage, customHandleAcks, reschedulePing, sendPing", () => {
    const prototype = MqttClient.prototype as unknown as Record<string, unknown>;
    for (const name of ["_sendPacket", "handleMessage", "reschedulePing", "sendPing"])
      assert.equal(typeof prototype[name], "function", name);
    assert.match(MqttClient.VERSION, /^5\./u, "read its handlers again before another major version");
  });
});
