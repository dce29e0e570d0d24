import assert from "node:assert/strict";
import { ConfigError } from "../../nodes/lib/errors";
import {
  choice,
  configNode,
  flag,
  json,
  names,
  number,
  optionalNumber,
  rows,
  secret,
  text,
  type Fields,
} from "../../nodes/lib/fields";
import { readSettings, type SettingsContext } from "../../nodes/lib/settings";

const context: SettingsContext = {
  env: (name) => ({ HOST: "kafka-1", SIZE: "12" })[name],
  configNode: (id) => {
    if (id !== "known") throw new ConfigError("the chosen configuration node does not exist or is disabled");
    return { handle: true };
  },
  tls: () => ({}),
  typedValue: () => () => undefined,
};

const read = <F extends Fields>(fields: F, raw: Record<string, unknown>, credentials: Record<string, unknown> = {}) =>
  readSettings(fields, raw, credentials, context);

const refuses = (fields: Fields, raw: Record<string, unknown>, message: RegExp): void =>
  assert.throws(
    () => read(fields, raw),
    (error: Error) => error instanceof ConfigError && message.test(error.message),
  );

describe("settings", () => {
  it("read what the editor stored, with its type", () => {
    const settings = read(
      {
        topic: text({ label: "Topic" }),
        size: number({ label: "Size", default: 1 }),
        limit: optionalNumber({ label: "Limit" }),
        on: flag({ label: "On", default: false }),
        mode: choice({ label: "Mode", default: "a", options: { a: "A", b: "B" } }),
        topics: names({ label: "Topics" }),
        schema: json({ label: "Schema" }),
        password: secret({ label: "Password" }),
        cluster: configNode("citystream-kafka-cluster", { label: "Cluster" }),
      },
      {
        topic: "t",
        size: "7",
        limit: "",
        on: true,
        mode: "b",
        topics: "one, two\nthree",
        schema: '{"a":1}',
        cluster: "known",
      },
      { password: "s3cret" },
    );
    assert.deepEqual(settings, {
      topic: "t",
      size: 7,
      limit: undefined,
      on: true,
      mode: "b",
      topics: ["one", "two", "three"],
      schema: { a: 1 },
      password: "s3cret",
      cluster: { handle: true },
    });
  });

  it("fall back on their defaults when nothing was stored", () => {
    assert.deepEqual(
      read({ size: number({ label: "Size", default: 500 }), on: flag({ label: "On", default: true }) }, {}),
      {
        size: 500,
        on: true,
      },
    );
  });

  it("take environment variables, also within a text", () => {
    const fields = { broker: text({ label: "Broker" }), size: number({ label: "Size", default: 1 }) };
    assert.deepEqual(read(fields, { broker: "${HOST}:9092", size: "${SIZE}" }), { broker: "kafka-1:9092", size: 12 });
    refuses(fields, { broker: "${NOBODY}" }, /^Broker: the environment variable NOBODY is not set$/u);
  });

  it("name the setting that is wrong and say why", () => {
    refuses({ topic: text({ label: "Topic", required: true }) }, { topic: " " }, /^Topic: is required$/u);
    refuses({ size: number({ label: "Size", default: 1, min: 1 }) }, { size: "0" }, /^Size: 0 is below 1$/u);
    refuses({ size: number({ label: "Size", default: 1 }) }, { size: "many" }, /^Size: "many" is not a number$/u);
    refuses({ size: number({ label: "Size", default: 1, integer: true }) }, { size: 1.5 }, /not a whole number/u);
    refuses({ schema: json({ label: "Schema" }) }, { schema: "{" }, /^Schema: .*JSON/u);
    refuses({ cluster: configNode("x", { label: "Cluster" }) }, {}, /^Cluster: is not chosen$/u);
    refuses({ cluster: configNode("x", { label: "Cluster" }) }, { cluster: "gone" }, /^Cluster: .*does not exist/u);
  });

  it("are not checked while the form hides them", () => {
    const fields = {
      mode: choice({ label: "Mode", default: "plain", options: { plain: "plain", timed: "timed" } }),
      every: number({ label: "Every", default: 5, min: 1, showIf: { field: "mode", is: ["timed"] } }),
    };
    assert.deepEqual(read(fields, { mode: "plain", every: "-3" }), { mode: "plain", every: 5 });
    refuses(fields, { mode: "timed", every: "-3" }, /^Every: -3 is below 1$/u);
  });

  it("read tables row by row and say which row is wrong", () => {
    const fields = {
      lanes: rows({
        label: "Lanes",
        min: 1,
        columns: { name: text({ label: "Name", required: true }), from: number({ label: "From", default: 0 }) },
        default: [{ name: "all", from: 0 }],
      }),
    };
    assert.deepEqual(read(fields, {}), { lanes: [{ name: "all", from: 0 }] });
    assert.deepEqual(read(fields, { lanes: [{ name: "fast", from: "2" }] }), { lanes: [{ name: "fast", from: 2 }] });
    refuses(fields, { lanes: [{ name: "a" }, { name: "", from: 1 }] }, /^Lanes: row 2: Name: is required$/u);
    refuses(fields, { lanes: [] }, /^Lanes: needs at least 1 row$/u);
  });
});
