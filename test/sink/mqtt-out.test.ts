import assert from "node:assert/strict";
import { flowOf, nodeRed, until, type FlowNode, type Harness } from "../harness";
import { counted, numbered } from "../lib/mqtt/brokers";
import { ownMosquitto, type Mosquitto } from "../lib/mqtt/mosquitto";
import { observeTopic, type Observer } from "../lib/mqtt/observer";

describe("mqtt out", function () {
  let red: Harness;
  let mosquitto: Mosquitto;
  before(async function () {
    mosquitto = await ownMosquitto(this, { users: { sensor: "secret" } });
    red = await nodeRed();
  });
  afterEach(() => red.deploy([]));
  after(() => mosquitto?.stop());

  const broker = (more: object = {}): FlowNode => ({
    id: "broker",
    type: "citystream-mqtt-broker",
    server: "address",
    address: mosquitto.url,
    version: "5",
    credentials: { username: "sensor", password: "secret" },
    ...more,
  });
  const mqttOut = (more: object = {}): FlowNode => ({
    id: "out",
    type: "citystream-mqtt-out",
    broker: "broker",
    publishTo: "",
    qos: "1",
    wires: [["done"]],
    ...more,
  });
  const done: FlowNode = { id: "done", type: "test-collect" };
  const caught: FlowNode[] = [
    { id: "catch", type: "catch", scope: null, wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  ];

  const observe = (): Promise<Observer> =>
    observeTopic(mosquitto.url, "#", {
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 60 },
      username: "sensor",
      password: "secret",
    });
  const errorsCaught = (): string[] =>
    red.collected("caught").map(({ message }) => (message["error"] as { message: string }).message);

  for (const version of ["5", "3.1.1"])
    for (const qos of [0, 1, 2] as const)
      it(`publishes and sends the message on once the broker has it (MQTT ${version}, QoS ${qos})`, async () => {
        const observer = await observe();
        await red.deploy(flowOf(broker({ version }), mqttOut({ qos: String(qos) }), done));
        const payloads = [{ 온도: 21.5 }, "text", Buffer.from([0, 255]), 7, true, [1, 2]];
        payloads.forEach((payload) => red.receive("out", { topic: "서울/air", payload }));
        const sent = await red.arrived("done", payloads.length);
        assert.deepEqual(
          sent.map(({ payload }) => payload),
          payloads,
        );
        await until("the observer has them", () => observer.packets.length >= payloads.length);
        assert.deepEqual(
          observer.packets.map(({ payload }) => Buffer.from(payload).toString("latin1")),
          ['{"온도":21.5}', "text", "\u0000\u00ff", "7", "true", "[1,2]"].map((expected, index) =>
            index === 2 ? expected : Buffer.from(expected).toString("latin1"),
          ),
        );
        assert.ok(observer.packets.every((packet) => packet.topic === "서울/air" && packet.qos === qos));
        await observer.end();
      });

  it("makes the topic from the record, also for each record of a batch", async () => {
    const observer = await observe();
    await red.deploy(flowOf(broker(), mqttOut({ publishTo: "city/{{payload.station}}/{{payload.kind}}" }), done));
    const batch = ["동대문", "강남"].map((station) => ({
      payload: { station, kind: "PM10" },
      headers: { unit: "µg" },
    }));
    red.receive("out", { payload: batch });
    await red.arrived("done", 1);
    await until("two came", () => observer.packets.length === 2);
    assert.deepEqual(
      observer.packets.map(({ topic, properties }) => [topic, { ...properties?.userProperties }]),
      [
        ["city/동대문/PM10", { unit: "µg" }],
        ["city/강남/PM10", { unit: "µg" }],
      ],
    );
    await observer.end();
  });

  it("retains when asked, and clears with null", async () => {
    await red.deploy(flowOf(broker(), mqttOut({ retain: true }), done));
    red.receive("out", { topic: "kept", payload: "last" });
    await red.arrived("done", 1);
    const observer = await observe();
    await until("the retained one", () => observer.packets.length === 1);
    assert.equal(observer.packets[0]?.retain, true);
    red.receive("out", { topic: "kept", payload: null });
    await red.arrived("done", 2);
    await observer.end();
    const later = await observe();
    red.receive("out", { topic: "other", payload: null });
    await until("only the other one", () => later.packets.length === 1);
    assert.equal(later.packets[0]?.topic, "other");
    await later.end();
  });

  it("fails a record that cannot be published, with the reason, and publishes the rest", async () => {
    await red.deploy(flowOf(broker(), mqttOut(), done, ...caught));
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    red.receive("out", { payload: "no topic" });
    red.receive("out", { topic: "a/#", payload: "wildcard" });
    red.receive("out", { topic: { not: "text" }, payload: "object" });
    red.receive("out", { topic: "a", payload: circle });
    red.receive("out", { topic: "a", payload: "good" });
    const [good] = await red.arrived("done", 1);
    assert.equal(good?.payload, "good");
    await red.until("four errors", () => errorsCaught().length === 4);
    const [first, second, third, fourth] = errorsCaught();
    assert.match(first ?? "", /no topic/);
    assert.match(second ?? "", /a\/#/);
    assert.match(third ?? "", /no topic/);
    assert.match(fourth ?? "", /JSON/);
  });

  it("names the failed records of a batch and publishes the others", async () => {
    const observer = await observe();
    await red.deploy(flowOf(broker(), mqttOut(), done, ...caught));
    red.receive("out", {
      payload: [
        { topic: "a", payload: 1 },
        { topic: "a/+", payload: 2 },
        { topic: "a", payload: 3 },
      ],
    });
    await red.until("the error", () => errorsCaught().length === 1);
    assert.match(errorsCaught()[0] ?? "", /1 of 3 records failed: topic "a\/\+"/);
    await until("the others", () => observer.packets.length === 2);
    await observer.end();
  });

  for (const qos of [1, 2] as const)
    it(`loses nothing when the broker restarts in mid-stream (QoS ${qos})`, async () => {
      const observer = await observe();
      await red.deploy(flowOf(broker(), mqttOut({ qos: String(qos) }), done));
      numbered(2_000).forEach((payload) => red.receive("out", { topic: "restart", payload }));
      await until("the stream flows", () => observer.packets.length > 100);
      await mosquitto.restart();
      await red.arrived("done", 2_000, 40_000);
      const { texts } = observer;
      await until("all came", () => counted(numbered(2_000), texts).missing === 0);
      if (qos === 2) assert.equal(counted(numbered(2_000), texts).repeated, 0);
      await observer.end();
    });

  it("waits while the broker is away, fails what is too much, and publishes the rest when it is back", async () => {
    const observer = await observe();
    await mosquitto.stop();
    await red.deploy(flowOf(broker(), mqttOut({ waiting: 5 }), done, ...caught));
    await red.until("it says so", () => red.status("out")?.text === "broker away");
    numbered(7).forEach((payload) => red.receive("out", { topic: "away", payload }));
    await red.until("two errors", () => errorsCaught().length === 2);
    assert.match(errorsCaught()[0] ?? "", /5 messages .* already wait for the broker: nothing listens/);
    await red.until("it counts them", () => red.status("out")?.text === "away, messages wait 5");
    await mosquitto.start();
    await red.arrived("done", 5);
    await until("five came", () => observer.packets.length === 5);
    await observer.end();
  });

  it("shows a refused login and gives its messages back on closing", async () => {
    red.logs.length = 0;
    await red.deploy(flowOf(broker({ credentials: { username: "sensor", password: "wrong" } }), mqttOut(), done));
    await red.until("red", () => red.status("out")?.fill === "red");
    assert.match(red.status("out")?.text ?? "", /login/);
    assert.ok(red.logs.some(({ msg }) => /refused/.test(String(msg))));
    assert.ok(!red.logs.some(({ msg }) => /wrong/.test(String(msg))), "no password in the log");
    red.receive("out", { topic: "a", payload: 1 });
    const before = Date.now();
    await red.deploy([]);
    assert.ok(Date.now() - before < 5_000);
    assert.equal(red.collected("done").length, 0);
  });

  for (const [what, settings, reason] of [
    ["no broker", { broker: "" }, /Broker: is not chosen/],
    ["a topic template that is not closed", { publishTo: "a/{{payload" }, /Topic: "\{\{" is not closed/],
    ["a limit of none", { waiting: 0 }, /Most waiting: 0 is below 1/],
  ] as const)
    it(`says what is wrong with its settings: ${what}`, async () => {
      red.logs.length = 0;
      await red.deploy(flowOf(broker(), mqttOut(settings), done));
      await red.until("red", () => red.status("out")?.fill === "red");
      assert.ok(red.logs.some(({ msg }) => reason.test(String(msg))));
    });
});
