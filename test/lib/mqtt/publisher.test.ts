import assert from "node:assert/strict";
import type { Version } from "../../../nodes/lib/mqtt/connection";
import { Publisher, type PublisherBounds, type Publication } from "../../../nodes/lib/mqtt/publisher";
import { until } from "../../harness";
import { brokerAt, counted, numbered, session } from "./brokers";
import { ownMosquitto, type Mosquitto } from "./mosquitto";
import { observeTopic, type Observer } from "./observer";
import { startProxy } from "./proxy";

const BOUNDS: PublisherBounds = { waiting: 10_000, bytes: 64 * 1024 * 1024, inFlight: 1_000 };
/** What mqtt out allows over 3.1.1 at QoS 2: Mosquitto 2.0.11 may lose what exceeds its own limit when it restarts. */
const CAUTIOUS: PublisherBounds = { ...BOUNDS, inFlight: 20 };
const quiet = { up: () => undefined, down: () => undefined };

const publication = (payload: string, qos: 0 | 1 | 2 = 1, topic = "out"): Publication => ({
  topic,
  payload,
  qos,
  retain: false,
});

describe("a publisher", function () {
  let mosquitto: Mosquitto;
  before(async function () {
    mosquitto = await ownMosquitto(this);
  });
  after(() => mosquitto?.stop());

  const observe = (topic: string): Promise<Observer> => observeTopic(mosquitto.url, topic);

  for (const version of [4, 5] as Version[])
    for (const qos of [0, 1, 2] as const)
      it(`says that the broker has each message (MQTT ${version === 5 ? "5" : "3.1.1"}, QoS ${qos})`, async () => {
        const observer = await observe("out");
        const publisher = new Publisher(
          brokerAt(mosquitto.port, version),
          session(`p-${version}-${qos}`),
          BOUNDS,
          quiet,
        );
        await Promise.all(numbered(200).map((text) => publisher.publish(publication(text, qos))));
        assert.equal(publisher.unfinished, 0);
        await until("the observer has them", () => observer.texts.length >= 200);
        assert.deepEqual(observer.texts, numbered(200));
        await publisher.close(1_000);
        await observer.end();
      });

  for (const qos of [1, 2] as const)
    it(`loses nothing when the broker restarts in mid-stream (QoS ${qos})`, async () => {
      const observer = await observe("out");
      const publisher = new Publisher(brokerAt(mosquitto.port, 4), session(`restart-${qos}`), CAUTIOUS, quiet);
      const sending = Promise.all(numbered(3_000).map((text) => publisher.publish(publication(text, qos))));
      await until("the stream flows", () => observer.texts.length > 300);
      await mosquitto.restart();
      await sending;
      await until("all came", () => counted(numbered(3_000), observer.texts).missing === 0);
      if (qos === 2) assert.equal(counted(numbered(3_000), observer.texts).repeated, 0);
      await publisher.close(1_000);
      await observer.end();
    });

  for (const qos of [0, 1] as const)
    it(`keeps messages while the broker is away and sends them when it is back (QoS ${qos})`, async () => {
      const observer = await observe("out");
      await mosquitto.stop();
      const downs: string[] = [];
      const publisher = new Publisher(brokerAt(mosquitto.port), session(`away-${qos}`), BOUNDS, {
        ...quiet,
        down: (reason) => downs.push(reason.text),
      });
      const sending = Promise.all(numbered(100).map((text) => publisher.publish(publication(text, qos))));
      await until("it knows that the broker is away", () => downs.length > 0);
      assert.equal(publisher.unfinished, 100);
      await mosquitto.start();
      await sending;
      await until("the observer is back and has them", () => qos === 0 || observer.texts.length >= 100);
      if (qos === 1) assert.deepEqual(observer.texts, numbered(100));
      await publisher.close(1_000);
      await observer.end();
    });

  it("refuses more than it may keep while the broker is away, as out of reach, and keeps the rest", async () => {
    const proxy = await startProxy(mosquitto.port);
    await proxy.close();
    const publisher = new Publisher(brokerAt(proxy.port), session("bound"), { ...BOUNDS, waiting: 3 }, quiet);
    const kept = numbered(3).map((text) => publisher.publish(publication(text)));
    await assert.rejects(publisher.publish(publication("3")), (error: Error & { unreachable?: boolean }) => {
      assert.equal(error.name, "Retriable");
      assert.equal(error.unreachable, true);
      assert.match(error.message, /3 messages .* already wait/);
      return true;
    });
    await publisher.close(0);
    for (const one of await Promise.allSettled(kept)) assert.equal(one.status, "rejected", "given back on closing");
  });

  it("refuses a record whose topic no broker takes, and goes on with the next", async () => {
    const publisher = new Publisher(brokerAt(mosquitto.port), session("topic"), BOUNDS, quiet);
    await assert.rejects(publisher.publish(publication("x", 1, "a/#")), { name: "Rejected", message: /a\/#/ });
    await publisher.publish(publication("y", 1, "a"));
    await publisher.close(1_000);
  });

  it("never has more in flight than an MQTT 5 broker takes", async function () {
    const strict = await ownMosquitto(this, { maxInflight: 5 });
    const proxy = await startProxy(strict.port);
    const publisher = new Publisher(brokerAt(proxy.port), session("window"), BOUNDS, quiet);
    await Promise.all(numbered(500).map((text) => publisher.publish(publication(text, 2))));
    assert.equal(proxy.connections, 1, "the broker did not disconnect it");
    await publisher.close(1_000);
    await proxy.close();
    await strict.stop();
  });

  it("rejects a message that is larger than an MQTT 5 broker takes, without losing the connection", async function () {
    const small = await ownMosquitto(this, { config: ["max_packet_size 1000"] });
    const proxy = await startProxy(small.port);
    const publisher = new Publisher(brokerAt(proxy.port), session("large"), BOUNDS, quiet);
    await publisher.publish(publication("small"));
    await assert.rejects(publisher.publish(publication("x".repeat(2_000))), { name: "Rejected", message: /larger/ });
    await publisher.publish(publication("small again"));
    assert.equal(proxy.connections, 1);
    await publisher.close(1_000);
    await proxy.close();
    await small.stop();
  });

  it("rejects what the user may not publish, by the broker's reason (MQTT 5)", async function () {
    const guarded = await ownMosquitto(this, {
      users: { sensor: "secret" },
      acl: ["user sensor", "topic write mine/#"],
    });
    const login = { username: "sensor", password: "secret" };
    const publisher = new Publisher(brokerAt(guarded.port, 5, login), session("acl"), BOUNDS, quiet);
    await assert.rejects(publisher.publish(publication("x", 1, "theirs")), {
      name: "Rejected",
      message: /theirs.*Not authorized/,
    });
    await publisher.publish(publication("x", 1, "mine/a"));
    await publisher.close(1_000);
    await guarded.stop();
  });

  it("sends 10 MB", async () => {
    const observer = await observe("out");
    const publisher = new Publisher(brokerAt(mosquitto.port), session("10mb"), BOUNDS, quiet);
    const large = "x".repeat(10 * 1024 * 1024);
    await publisher.publish(publication(large));
    await until("it came", () => observer.texts.length === 1);
    assert.equal(observer.texts[0] === large, true);
    await publisher.close(1_000);
    await observer.end();
  });
});
