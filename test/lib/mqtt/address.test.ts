import assert from "node:assert/strict";
import { brokerAddress } from "../../../nodes/lib/mqtt/address";

describe("the address of a broker", () => {
  it("gets the usual port of its protocol", () => {
    assert.equal(brokerAddress("mqtt://broker.example", false), "mqtt://broker.example:1883");
    assert.equal(brokerAddress("mqtts://broker.example", true), "mqtts://broker.example:8883");
    assert.equal(brokerAddress("ws://broker.example/mqtt", false), "ws://broker.example:80/mqtt");
    assert.equal(brokerAddress("wss://[::1]:9001/mqtt?x=1", false), "wss://[::1]:9001/mqtt?x=1");
  });

  for (const [text, fault] of [
    ["", /is not the address/],
    ["broker.example:1883", /is not the address/],
    ["http://broker.example", /is not the address/],
    ["mqtt://", /is not the address/],
    ["mqtt://user:secret@broker.example", /own fields/],
  ] as const)
    it(`"${text}" is refused`, () =>
      assert.throws(() => brokerAddress(text, false), { name: "ConfigError", message: fault }));

  it("without encryption is refused where TLS is chosen", () =>
    assert.throws(() => brokerAddress("mqtt://broker.example", true), /write mqtts/));
});
