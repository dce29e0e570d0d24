import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import mqtt from "mqtt";
import { flowOf, nodeRed, until, type FlowNode, type Harness } from "../harness";
import { startChild } from "../harness/child";
import { counted, numbered, publishAll } from "../lib/mqtt/brokers";
import { observeTopic } from "../lib/mqtt/observer";
import { ownMosquitto, type Mosquitto } from "../lib/mqtt/mosquitto";

describe("mqtt in", function () {
  let red: Harness;
  let mosquitto: Mosquitto;
  let letters: string;
  before(async function () {
    mosquitto = await ownMosquitto(this, { maxInflight: 200 });
    red = await nodeRed();
  });
  beforeEach(() => {
    letters = mkdtempSync(path.join(tmpdir(), "citystream-letters-"));
  });
  afterEach(async () => {
    await red.deploy([]);
    rmSync(letters, { recursive: true, force: true });
  });
  after(() => mosquitto?.stop());

  const broker = (more: object = {}): FlowNode => ({
    id: "broker",
    type: "citystream-mqtt-broker",
    server: "address",
    address: mosquitto.url,
    version: "5",
    ...more,
  });
  const mqttIn = (more: object = {}): FlowNode => ({
    id: "in",
    type: "citystream-mqtt-in",
    broker: "broker",
    topics: "city/#",
    qos: "1",
    format: "json",
    clientId: `in-${Math.random()}`,
    deadLetterFolder: letters,
    initialDelay: 1,
    maxDelay: 10,
    attempts: 3,
    wires: [["out"]],
    ...more,
  });
  const collect = (more: object = {}): FlowNode => ({ id: "out", type: "test-collect", ...more });
  const connected = (): Promise<void> =>
    red.until("connected", () => red.status("in")?.text?.includes("connected") ?? false);
  const deadLetters = (): { error: { message: string }; message: { payload: unknown; source: object } }[] =>
    readdirSync(letters).flatMap((file) =>
      readFileSync(path.join(letters, file), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as ReturnType<typeof deadLetters>[number]),
    );

  for (const version of ["5", "3.1.1"])
    for (const qos of [0, 1, 2] as const)
      it(`delivers what is published, with its topic and where it came from (MQTT ${version}, QoS ${qos})`, async () => {
        await red.deploy(flowOf(broker({ version }), mqttIn({ qos: String(qos), timeField: "time" }), collect()));
        await connected();
        const reading = { 온도: 21.5, time: "2017-02-28T23:00:00+08:00" };
        await publishAll(mosquitto.port, "city/서울/air", [JSON.stringify(reading)], qos);
        const [message] = await red.arrived("out", 1);
        assert.deepEqual(message?.payload, reading);
        assert.equal(message?.topic, "city/서울/air");
        assert.equal(message?.["timestamp"], Date.UTC(2017, 1, 28, 15));
        assert.deepEqual(message?.["source"], { kind: "mqtt", topic: "city/서울/air", qos, retain: false, dup: false });
      });

  it("carries MQTT 5 user properties as headers", async () => {
    await red.deploy(flowOf(broker(), mqttIn(), collect()));
    await connected();
    const client = await mqtt.connectAsync(mosquitto.url, { protocolVersion: 5 });
    await client.publishAsync("city/a", "1", {
      qos: 1,
      properties: { userProperties: { unit: "°C" }, responseTopic: "answer", contentType: "application/json" },
    });
    await client.endAsync();
    const [message] = await red.arrived("out", 1);
    assert.deepEqual({ ...(message?.["headers"] as object) }, { unit: "°C" });
    assert.equal(message?.["responseTopic"], "answer");
  });

  it("lets the broker keep what the flow has not finished, and gives it to the next life of the node", async () => {
    const source = mqttIn({ clientId: "keeps" });
    await red.deploy(flowOf(broker(), source, collect({ manual: true })));
    await connected();
    await publishAll(mosquitto.port, "city/a", numbered(30), 1);
    await red.arrived("out", 30);
    red
      .collected("out")
      .slice(0, 10)
      .forEach(({ done }) => done());
    await red.deploy([]);
    await publishAll(mosquitto.port, "city/a", numbered(5, 30), 1);
    await red.deploy(flowOf(broker(), source, collect()));
    const messages = await red.arrived("out", 25);
    assert.deepEqual(
      messages.map(({ payload }) => payload),
      numbered(25, 10).map(Number),
    );
  });

  it("tries a record again that failed, then puts it into the dead letters, and the rest flows on", async () => {
    const fail = {
      id: "f",
      type: "function",
      func: "if (msg.payload === 3) throw new Error('no threes'); return msg;",
    };
    await red.deploy(
      flowOf(broker(), mqttIn({ wires: [["f"]], clientId: "fails" }), { ...fail, wires: [["out"]] }, collect()),
    );
    await connected();
    await publishAll(mosquitto.port, "city/a", numbered(10), 1);
    await red.arrived("out", 9);
    await until("a dead letter", () => deadLetters().length === 1);
    const [letter] = deadLetters();
    assert.match(letter?.error.message ?? "", /no threes/);
    assert.equal(letter?.message.payload, 3);
    assert.deepEqual(
      red.collected("out").map(({ message }) => message.payload),
      [0, 1, 2, 4, 5, 6, 7, 8, 9],
    );
  });

  it("puts broken JSON and foreign bytes into the dead letters with their bytes, and the rest flows on", async () => {
    await red.deploy(flowOf(broker(), mqttIn(), collect()));
    await connected();
    const client = await mqtt.connectAsync(mosquitto.url);
    const broken = ['{"t": 21', Buffer.from([0xff, 0xfe]), "", "NaN"];
    for (const payload of broken) await client.publishAsync("city/a", payload, { qos: 1 });
    await client.publishAsync("city/a", '{"t":22}', { qos: 1 });
    await client.endAsync();
    const [message] = await red.arrived("out", 1);
    assert.deepEqual(message?.payload, { t: 22 });
    await until("four dead letters", () => deadLetters().length === 4);
    assert.deepEqual(
      deadLetters().map((letter) => Buffer.from((letter.message.payload as { $base64: string }).$base64, "base64")),
      broken.map((payload) => Buffer.from(payload)),
    );
  });

  it("brings 10 MB whole", async () => {
    await red.deploy(flowOf(broker(), mqttIn({ format: "bytes" }), collect()));
    await connected();
    const large = "한".repeat(3.4 * 1024 * 1024);
    await publishAll(mosquitto.port, "city/a", [large], 2);
    const [message] = await red.arrived("out", 1);
    assert.equal((message?.payload as Buffer).equals(Buffer.from(large)), true);
  });

  for (const qos of [1, 2] as const)
    it(`loses nothing when the broker restarts in mid-stream (QoS ${qos})`, async () => {
      await red.deploy(flowOf(broker(), mqttIn({ qos: String(qos), clientId: `restart-${qos}` }), collect()));
      await connected();
      const sending = publishAll(mosquitto.port, "city/a", numbered(2_000), qos);
      await red.arrived("out", 200);
      await mosquitto.restart();
      await sending;
      const came = (): string[] => red.collected("out").map(({ message }) => String(message.payload));
      await until("all came", () => counted(numbered(2_000), came()).missing === 0, 30_000);
      if (qos === 2) assert.equal(counted(numbered(2_000), came()).repeated, 0);
    });

  for (const [what, settings, reason] of [
    ["no broker", { broker: "" }, /Broker: is not chosen/],
    ["no topic", { topics: " " }, /Topics: is required/],
    ["a wrong topic filter", { topics: "city/#/air" }, /"city\/#\/air" has # where it may not stand/],
    ["an unknown QoS", { qos: "3" }, /QoS: "3" is not one of/],
    ["a limit of none", { inFlight: 0 }, /Most in flight: 0 is below 1/],
  ] as const)
    it(`says what is wrong with its settings: ${what}`, async () => {
      red.logs.length = 0;
      await red.deploy(flowOf(broker(), mqttIn(settings), collect()));
      await red.until("red", () => red.status("in")?.fill === "red");
      assert.ok(
        red.logs.some(({ msg }) => reason.test(String(msg))),
        `logged: ${red.logs.map(({ msg }) => String(msg)).join("; ")}`,
      );
    });

  it("names a broker configuration that is itself wrong", async () => {
    red.logs.length = 0;
    await red.deploy(flowOf(broker({ address: "http://x" }), mqttIn(), collect()));
    await red.until("red", () => red.status("in")?.fill === "red");
    assert.ok(red.logs.some(({ msg }) => /Broker: .*not the address of an MQTT broker/.test(String(msg))));
  });

  it("is red with the reason while nothing listens, and works when the broker comes", async () => {
    await mosquitto.stop();
    red.logs.length = 0;
    await red.deploy(flowOf(broker(), mqttIn(), collect()));
    await red.until("red", () => red.status("in")?.fill === "red");
    assert.match(red.status("in")?.text ?? "", /away/);
    assert.ok(red.logs.some(({ msg }) => /nothing listens at mqtt:\/\//.test(String(msg))));
    await mosquitto.start();
    await connected();
    await publishAll(mosquitto.port, "city/a", ["1"], 1);
    await red.arrived("out", 1);
  });

  it("closes in time with records in flight, and another Node-RED gets them", async () => {
    const source = mqttIn({ clientId: "closes", qos: "2" });
    await red.deploy(flowOf(broker(), source, collect({ manual: true })));
    await connected();
    await publishAll(mosquitto.port, "city/a", numbered(3), 2);
    await red.arrived("out", 3);
    const before = Date.now();
    await red.deploy([]);
    assert.ok(Date.now() - before < 10_000);
    const client = await mqtt.connectAsync(mosquitto.url, { clientId: "closes", clean: false, protocolVersion: 5 });
    const texts: string[] = [];
    client.on("message", (_topic, payload) => texts.push(payload.toString()));
    await until("all three again", () => texts.length === 3);
    await client.endAsync();
  });

  for (const qos of [1, 2] as const)
    it(`loses nothing when Node-RED is killed in mid-flow, three times (QoS ${qos})`, async function () {
      this.timeout(120_000);
      const count = 4_000;
      const userDir = mkdtempSync(path.join(tmpdir(), "citystream-kill-"));
      const flowFile = path.join(userDir, "flow.json");
      const flow = flowOf(
        broker(),
        mqttIn({ topics: `kill/${qos}`, qos: String(qos), clientId: `kill-${qos}`, inFlight: 200, wires: [["f"]] }),
        { id: "f", type: "function", func: "msg.payload = String(msg.payload); return msg;", wires: [["d"]] },
        {
          id: "d",
          type: "delay",
          pauseType: "delay",
          timeout: "20",
          timeoutUnits: "milliseconds",
          outputs: 1,
          wires: [["to"]],
        },
        { id: "to", type: "citystream-mqtt-out", broker: "broker", publishTo: `result/${qos}`, qos: "1", wires: [[]] },
      );
      writeFileSync(flowFile, JSON.stringify(flow));
      const observer = await observeTopic(mosquitto.url, `result/${qos}`);
      // the session exists before the node's first life, so that nothing is published to nobody
      const properties = { sessionExpiryInterval: 3_600 };
      const options = { clientId: `kill-${qos}`, clean: false, protocolVersion: 5, properties } as const;
      const first = await mqtt.connectAsync(mosquitto.url, options);
      await first.subscribeAsync(`kill/${qos}`, { qos });
      await first.endAsync();
      const sending = publishAll(mosquitto.port, `kill/${qos}`, numbered(count), qos);
      for (const enough of [400, 1_200, 2_400]) {
        const child = await startChild({ userDir, flowFile });
        await until(`${enough} results`, () => new Set(observer.texts).size >= enough, 60_000);
        await child.kill9();
      }
      await sending;
      const last = await startChild({ userDir, flowFile });
      await until("all came", () => counted(numbered(count), observer.texts).missing === 0, 60_000);
      await last.stop();
      const { missing, repeated } = counted(numbered(count), observer.texts);
      assert.equal(missing, 0);
      console.log(`      ${count} sent, ${missing} missing, ${repeated} repeated over three kills`);
      await observer.end();
      rmSync(userDir, { recursive: true, force: true });
    });
});
