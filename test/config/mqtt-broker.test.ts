import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import mqtt from "mqtt";
import { freePort } from "../../tools/services/ports";
import { flowOf, nodeRed, until, type FlowNode, type Harness } from "../harness";
import { numbered, publishAll } from "../lib/mqtt/brokers";
import { ownMosquitto, reaches, type Mosquitto } from "../lib/mqtt/mosquitto";

describe("mqtt broker", () => {
  let red: Harness;
  before(async () => {
    red = await nodeRed();
  });
  afterEach(() => red.deploy([]));

  const embedded = (port: number, more: object = {}): FlowNode => ({
    id: "broker",
    type: "citystream-mqtt-broker",
    server: "embedded",
    port,
    ...more,
  });
  const wired = (): FlowNode[] => [
    { id: "in", type: "citystream-mqtt-in", broker: "broker", topics: "a/#", qos: "2", wires: [["to"]] },
    {
      id: "to",
      type: "citystream-mqtt-out",
      broker: "broker",
      publishTo: "b/{{payload.n}}",
      qos: "2",
      wires: [["out"]],
    },
    { id: "out", type: "test-collect" },
  ];
  const connected = (): Promise<void> =>
    red.until("connected", () => red.status("in")?.text?.includes("connected") ?? false);
  const test = async (
    settings: object,
    credentials: object = {},
  ): Promise<{ found?: { word: string; values: Record<string, unknown> }; error?: string }> => {
    const response = await fetch(`${red.url}/citystream/test/citystream-mqtt-broker`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ settings, credentials }),
    });
    return (await response.json()) as Awaited<ReturnType<typeof test>>;
  };

  it("embedded brings records from a sensor through the flow and back, with the login it asks for", async () => {
    const port = await freePort();
    const credentials = { username: "sensor", password: "secret" };
    await red.deploy(flowOf(embedded(port, { credentials }), ...wired()));
    await connected();
    const address = `mqtt://127.0.0.1:${port}`;
    const observer = await mqtt.connectAsync(address, credentials);
    const topics: string[] = [];
    observer.on("message", (topic) => topics.push(topic));
    await observer.subscribeAsync("b/#", { qos: 2 });
    for (const n of numbered(50)) await observer.publishAsync(`a/${n}`, JSON.stringify({ n: Number(n) }), { qos: 1 });
    await until("50 came back", () => topics.length === 50);
    assert.deepEqual(
      topics,
      numbered(50).map((n) => `b/${n}`),
    );
    await red.arrived("out", 50);
    await observer.endAsync();
    await assert.rejects(mqtt.connectAsync(address, { username: "sensor", password: "wrong", reconnectPeriod: 0 }));
    const before = Date.now();
    await red.deploy([]);
    assert.ok(Date.now() - before < 4_000, `closing took ${Date.now() - before} ms`);
    assert.equal(await reaches(port), false, "the port is free again");
  });

  it("embedded can be deployed again on its port, and the flow goes on", async () => {
    const port = await freePort();
    for (const payload of [1, 2, 3]) {
      await red.deploy(flowOf(embedded(port), ...wired()));
      await connected();
      await publishAll(port, "a/x", [JSON.stringify({ n: payload })], 1);
      const [message] = await red.arrived("out", 1);
      assert.deepEqual(message?.payload, { n: payload });
    }
  });

  it("embedded holds a sensor's message until the flow has finished, over deploys of its mqtt in, and for none that was deleted", async () => {
    const port = await freePort();
    const out: FlowNode = { id: "out", type: "test-collect", manual: true };
    const receiver = (more: object = {}): FlowNode => ({
      id: "in",
      type: "citystream-mqtt-in",
      broker: "broker",
      topics: "a",
      qos: "1",
      wires: [["out"]],
      ...more,
    });
    await red.deploy(flowOf(embedded(port), receiver(), out));
    await connected();
    const sensor = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    const acknowledged: number[] = [];
    const publish = (n: number): void =>
      void sensor.publishAsync("a", String(n), { qos: 1 }).then(() => acknowledged.push(n));
    [1, 2, 3].forEach(publish);
    await red.arrived("out", 3);
    red.collected("out")[0]?.done();
    await until("the first is acknowledged", () => acknowledged.length === 1);
    await red.deploy(flowOf(embedded(port), receiver({ inFlight: 50 }), out), "nodes");
    await red.until("the others came again", () => red.collected("out").length >= 5);
    assert.deepEqual(acknowledged, [1]);
    red.collected("out").at(-2)?.done();
    await until("the second is acknowledged", () => acknowledged.length === 2);
    await red.deploy(flowOf(embedded(port), out), "nodes");
    await until("the third is acknowledged", () => acknowledged.length === 3);
    assert.deepEqual(acknowledged, [1, 2, 3]);
    await sensor.endAsync();
  });

  it("embedded names a port that is taken, does not use who has it, and starts when it is free", async () => {
    const other = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    red.logs.length = 0;
    await red.deploy(flowOf(embedded(port), ...wired()));
    await red.until("red", () => red.status("in")?.fill === "red");
    assert.ok(red.logs.some(({ msg }) => String(msg).includes(`port ${port} is taken`)));
    other.close();
    await red.until("connected", () => red.status("in")?.fill === "green");
  });

  it("tells, when tried, whether the embedded broker's port is free, used by it, or taken", async () => {
    const port = await freePort();
    assert.equal((await test({ server: "embedded", port })).found?.word, "free");
    await red.deploy(flowOf(embedded(port), ...wired()));
    await connected();
    assert.equal((await test({ server: "embedded", port })).found?.word, "running");
    const other = net
      .createServer((socket) =>
        socket
          .on("error", () => undefined)
          .resume()
          .end("220 mail\r\n"),
      )
      .listen(0, "127.0.0.1");
    await once(other, "listening");
    const taken = await test({ server: "embedded", port: (other.address() as AddressInfo).port });
    assert.match(taken.error ?? "", /another protocol|closed the connection/);
    other.close();
  });

  it("says, when tried, what is wrong with the settings", async () => {
    assert.match((await test({ address: "broker" })).error ?? "", /is not the address of an MQTT broker/);
    const port = await freePort();
    assert.match((await test({ address: `mqtt://127.0.0.1:${port}` })).error ?? "", /nothing listens at/);
    assert.match((await test({ address: "mqtt://${NOT_SET_ANYWHERE}" })).error ?? "", /NOT_SET_ANYWHERE is not set/);
  });

  describe("that is real", function () {
    let mosquitto: Mosquitto;
    before(async function () {
      mosquitto = await ownMosquitto(this, { users: { sensor: "secret" }, tls: {} });
    });
    after(() => mosquitto?.stop());

    it("is named when tried, by each version, and a refused login is", async () => {
      for (const version of ["3.1.1", "5"]) {
        const form = { server: "address", address: mosquitto.url, version };
        const { found } = await test(form, { username: "sensor", password: "secret" });
        assert.equal(found?.word, "connected");
        assert.equal(found.values["version"], version);
        assert.match(String(found.values["product"]), /^mosquitto version 2/);
        assert.match((await test(form, { username: "sensor", password: "no" })).error ?? "", /refused/);
      }
    });

    it("is not trusted over TLS without its authority, and says why", async () => {
      const { error } = await test({ server: "address", address: mosquitto.tlsUrl }, { username: "sensor" });
      assert.match(error ?? "", /the certificate of mqtts:\/\/.* is not accepted/);
    });

    it("is reached over TLS with Node-RED's own TLS configuration", async () => {
      const { ca } = mosquitto.certificates ?? { ca: "" };
      await red.deploy(
        flowOf(
          {
            id: "tls",
            type: "tls-config",
            cert: "",
            key: "",
            ca: "",
            verifyservercert: true,
            credentials: { cadata: ca },
          },
          {
            id: "broker",
            type: "citystream-mqtt-broker",
            server: "address",
            address: mosquitto.tlsUrl,
            tls: "tls",
            credentials: { username: "sensor", password: "secret" },
          },
          ...wired(),
        ),
      );
      await red.until("connected", () => red.status("in")?.fill === "green");
    });
  });

  it("with an expired certificate is refused, and the node says so", async function () {
    const expired = await ownMosquitto(this, { tls: { expired: true } });
    red.logs.length = 0;
    await red.deploy(
      flowOf(
        {
          id: "tls",
          type: "tls-config",
          cert: "",
          key: "",
          ca: "",
          verifyservercert: true,
          credentials: { cadata: expired.certificates?.ca ?? "" },
        },
        { id: "broker", type: "citystream-mqtt-broker", server: "address", address: expired.tlsUrl, tls: "tls" },
        ...wired(),
      ),
    );
    await red.until("red", () => red.status("in")?.fill === "red");
    assert.match(red.status("in")?.text ?? "", /certificate/);
    assert.ok(red.logs.some(({ msg }) => /certificate of .* is not accepted: .*expired/.test(String(msg))));
    await expired.stop();
  });
});
