import assert from "node:assert/strict";
import { readConnector, sameConfig } from "../../../nodes/lib/connect/connector";
import { causeOf } from "../../../nodes/lib/connect/register";
import { Rejected } from "../../../nodes/lib/errors";

const refused = (given: unknown, words: RegExp): void =>
  assert.throws(
    () => readConnector(given),
    (error) => error instanceof Rejected && words.test(error.message),
  );

describe("a connector's configuration", () => {
  it("is read from an object, from JSON, and from the form that Connect's POST takes", () => {
    const config = { name: "a", "connector.class": "C", "tasks.max": "2", "errors.log.enable": "true" };
    assert.deepEqual(readConnector({ ...config, "tasks.max": 2, "errors.log.enable": true }), { name: "a", config });
    assert.deepEqual(readConnector(JSON.stringify(config)), { name: "a", config });
    assert.deepEqual(readConnector(Buffer.from(JSON.stringify(config))), { name: "a", config });
    assert.deepEqual(readConnector({ name: "a", config: { ...config, name: undefined } }), { name: "a", config });
  });

  it("takes the node's name when it has none, and leaves out what is null", () => {
    assert.deepEqual(readConnector({ "connector.class": "C", file: null }, "mine"), {
      name: "mine",
      config: { "connector.class": "C", name: "mine" },
    });
  });

  it("is refused in words when it is no configuration", () => {
    refused(null, /must be an object of settings, not null/u);
    refused([], /not a list/u);
    refused(7, /not number/u);
    refused("{", /is not JSON/u);
    refused({ "connector.class": "C" }, /has no name/u);
    refused({ name: "a" }, /lacks "connector.class"/u);
    refused({ name: "a", "connector.class": "C", transforms: { a: 1 } }, /setting "transforms" must be a text/u);
    refused({ name: "a", config: "x" }, /is not JSON/u);
  });

  it("is the same whatever the order of its settings", () => {
    assert.ok(sameConfig({ a: "1", b: "2" }, { b: "2", a: "1" }));
    assert.ok(!sameConfig({ a: "1" }, { a: "1", b: "2" }));
    assert.ok(!sameConfig({ a: "1", b: "2" }, { a: "1", b: "3" }));
  });
});

describe("a failure's trace", () => {
  it("is told by its exception and its innermost cause", () => {
    const trace = [
      "org.apache.kafka.connect.errors.ConnectException: cannot write",
      "\tat org.apache.Some.put(Some.java:1)",
      "Caused by: java.io.IOException: disk",
      "\tat x.y(z.java:2)",
      "Caused by: java.nio.file.NoSuchFileException: /no/such",
      "\t... 14 more",
    ].join("\n");
    const outer = "org.apache.kafka.connect.errors.ConnectException: cannot write";
    assert.equal(causeOf(trace), `${outer} (cause: java.nio.file.NoSuchFileException: /no/such)`);
    assert.equal(causeOf("java.lang.Error: alone\n\tat a.b(c)"), "java.lang.Error: alone");
    assert.equal(causeOf("no stack at all"), "no stack at all");
    assert.equal(causeOf(""), "no trace given");
  });
});
