import assert from "node:assert/strict";
import { ConfigError, Rejected } from "../../nodes/lib/errors";
import { template } from "../../nodes/lib/template";

describe("template", () => {
  it("fills paths from the message, numbers and truth values included", () => {
    const topic = template("{{payload.site}}_{{payload.index}}_{{ payload.type }}", "Topic");
    assert.equal(topic.render({ payload: { site: "Seoul", index: 3, type: true } }), "Seoul_3_true");
    assert.equal(topic.constant, false);
    assert.deepEqual(topic.paths, ["payload.site", "payload.index", "payload.type"]);
  });

  it("reads array positions, quoted names and a leading msg.", () => {
    const from = { payload: [{ id: 7 }], headers: { "content-type": "json" } };
    assert.equal(template(`{{msg.payload[0].id}}-{{headers["content-type"]}}`, "Topic").render(from), "7-json");
  });

  it("renders plain text as it is", () => {
    const plain = template("readings", "Topic");
    assert.equal(plain.constant, true);
    assert.equal(plain.render({}), "readings");
  });

  for (const [what, payload, words] of [
    ["missing", {}, /payload\.site}} is missing/],
    ["null", { site: null }, /is null/],
    ["an object", { site: {} }, /is of type object/],
    ["empty", { site: "" }, /is empty/],
    ["not a number", { site: NaN }, /is of type number/],
  ] as const)
    it(`rejects a record whose part is ${what}`, () => {
      assert.throws(
        () => template("{{payload.site}}", "Topic").render({ payload }),
        (error) => error instanceof Rejected && words.test(error.message),
      );
    });

  it("does not read what a record merely inherits", () => {
    assert.throws(() => template("{{payload.constructor.name}}", "Topic").render({ payload: {} }), Rejected);
  });

  it("names the setting when a part is not closed or not a path", () => {
    assert.throws(
      () => template("{{payload.site", "Topic"),
      (error) => error instanceof ConfigError && error.message.startsWith("Topic:"),
    );
    assert.throws(() => template("{{a b}}", "Topic"), ConfigError);
    assert.throws(() => template("{{}}", "Topic"), ConfigError);
  });
});
