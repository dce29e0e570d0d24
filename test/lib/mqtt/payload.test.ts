import assert from "node:assert/strict";
import { decodePayload, encodePayload } from "../../../nodes/lib/mqtt/payload";

describe("a payload's bytes", () => {
  it("are read as JSON, text or bytes", () => {
    assert.deepEqual(decodePayload("json", Buffer.from('{"온도":21.5}')), { 온도: 21.5 });
    assert.equal(decodePayload("text", Buffer.from("온도")), "온도");
    const bytes = Buffer.from([0xff, 0]);
    assert.equal(decodePayload("bytes", bytes), bytes);
  });

  it("that are broken JSON are rejected with the reason and their beginning", () => {
    assert.throws(
      () => decodePayload("json", Buffer.from('{"t": 21')),
      (error: Error) => {
        assert.equal(error.name, "Rejected");
        assert.match(error.message, /not JSON .*\{\\"t\\": 21/u);
        return true;
      },
    );
  });

  it("that are not UTF-8 are rejected as text and as JSON", () => {
    for (const format of ["json", "text"] as const)
      assert.throws(() => decodePayload(format, Buffer.from([0xc3, 0x28])), { name: "Rejected", message: /UTF-8/ });
  });

  it("are made of buffers and strings as they are, of other values as JSON, of null as nothing", () => {
    assert.equal(encodePayload("a"), "a");
    assert.deepEqual(encodePayload(Buffer.from([1])), Buffer.from([1]));
    assert.deepEqual(encodePayload(new Uint8Array([1, 2])), Buffer.from([1, 2]));
    assert.equal(encodePayload({ a: [1] }), '{"a":[1]}');
    assert.equal(encodePayload(21.5), "21.5");
    assert.equal(encodePayload(null), "");
  });

  it("cannot be made of what has no JSON form", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const value of [circle, 1n, () => 1]) assert.throws(() => encodePayload(value), { name: "Rejected" });
  });
});
