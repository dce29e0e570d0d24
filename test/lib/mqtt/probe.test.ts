import assert from "node:assert/strict";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { probeBroker } from "../../../nodes/lib/mqtt/probe";
import { brokerAt } from "./brokers";
import { freePort } from "../../../tools/services/ports";
import { ownMosquitto, type Mosquitto } from "./mosquitto";

const listening = async (server: net.Server): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
};

describe("trying a broker", () => {
  it("says that nothing listens", async () =>
    assert.rejects(probeBroker(brokerAt(await freePort())), /nothing listens at mqtt:\/\/127\.0\.0\.1/));

  it("says that the host name is not known", async () =>
    assert.rejects(
      probeBroker(brokerAt(1, 5, { address: "mqtt://broker.invalid:1883" })),
      /host name in mqtt:\/\/broker\.invalid:1883 is not known/,
    ));

  it("says that a web server is no broker, for MQTT and for WebSocket", async () => {
    const server = http.createServer((_request, response) => response.writeHead(404).end());
    const port = await listening(server);
    await assert.rejects(probeBroker(brokerAt(port)), /another protocol|closed the connection without an answer/);
    await assert.rejects(
      probeBroker(brokerAt(port, 5, { address: `ws://127.0.0.1:${port}/` })),
      /no MQTT broker over WebSocket.*404/,
    );
    server.close();
  });

  it("says that a server cut the connection before it answered", async () => {
    const server = net.createServer((socket) => socket.once("data", () => socket.end()));
    const port = await listening(server);
    await assert.rejects(probeBroker(brokerAt(port)), /closed the connection without an answer/);
    server.close();
  });

  it("says that TLS was tried where none is spoken", async () => {
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.resume();
      socket.end("hello\r\n");
    });
    const port = await listening(server);
    await assert.rejects(
      probeBroker(brokerAt(port, 5, { address: `mqtts://127.0.0.1:${port}` })),
      /does not answer in TLS/,
    );
    server.close();
  });

  describe("that is real", function () {
    let mosquitto: Mosquitto;
    before(async function () {
      mosquitto = await ownMosquitto(this, { users: { sensor: "secret" } });
    });
    after(() => mosquitto?.stop());

    for (const version of [4, 5] as const) {
      it(`says what it is and how long it took (MQTT ${version === 5 ? "5" : "3.1.1"})`, async () => {
        const found = await probeBroker(brokerAt(mosquitto.port, version, { username: "sensor", password: "secret" }));
        assert.equal(found.version, version === 5 ? "5" : "3.1.1");
        assert.match(found.product, /^mosquitto version 2\./);
        assert.ok(found.milliseconds < 5_000);
      });

      it(`says that the login is refused (MQTT ${version === 5 ? "5" : "3.1.1"})`, async () => {
        for (const login of [{}, { username: "sensor", password: "wrong" }, { username: "nobody", password: "x" }])
          await assert.rejects(probeBroker(brokerAt(mosquitto.port, version, login)), /refused/);
      });
    }
  });

  it("works over WebSocket", async function () {
    const port = await freePort();
    const mosquitto = await ownMosquitto(this, { config: [`listener ${port} 127.0.0.1`, "protocol websockets"] });
    const found = await probeBroker(brokerAt(port, 5, { address: `ws://127.0.0.1:${port}/` }));
    assert.match(found.product, /^mosquitto/);
    await mosquitto.stop();
  });
});
