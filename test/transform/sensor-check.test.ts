import assert from "node:assert/strict";
import { flowOf, nodeRed } from "../harness";
import { at, errorOf } from "./read";

const GOOD = {
  device_id: "s-1",
  status: 0,
  time: "2017-02-28T23:00:00Z",
  lat: 35.1,
  lon: 129.07,
  alcohol_gas: 101,
  co_gas: 12,
  temp: 21.5,
  light: 800,
  dust: 33.2,
};

const flow = (settings: Record<string, unknown> = {}, refused: string[] = ["refused"]) =>
  flowOf(
    { id: "node", type: "citystream-sensor-check", ...settings, wires: [["good"], refused] },
    { id: "good", type: "test-collect" },
    { id: "refused", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

type Check = { ok: boolean; reasons: { field: string; rule: string; message: string }[]; flags: { field: string }[] };

describe("sensor-check", () => {
  it("passes good records, repairs bad readings and refuses broken ones with reasons", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    red.receive("node", { payload: { ...GOOD }, topic: "t", key: "k", source: { kind: "test", offset: 1 } });
    red.receive("node", { payload: { ...GOOD, temp: -999 } });
    red.receive("node", { payload: { ...GOOD, lat: 91 }, source: { kind: "test", offset: 3 } });
    const [first, second] = await red.arrived("good", 2);
    const [third] = await red.arrived("refused", 1);
    assert.deepEqual(first?.payload, GOOD);
    assert.equal(first?.["timestamp"], Date.UTC(2017, 1, 28, 23));
    assert.deepEqual([first?.topic, first?.["key"], first?.["check"]], ["t", "k", undefined]);
    assert.deepEqual(second?.payload, { ...GOOD, temp: null, status: 1 });
    assert.equal(at<Check>(second, "check").flags[0]?.field, "temp");
    assert.deepEqual(third?.payload, { ...GOOD, lat: 91 });
    assert.equal(at<Check>(third, "check").reasons[0]?.message, "lat = 91 is above the maximum 90");
    const { message, node, source } = at<{ message: string; node: { id: string }; source: unknown }>(third, "error");
    assert.deepEqual(
      [message, node.id, source],
      ["lat = 91 is above the maximum 90", "node", { kind: "test", offset: 3 }],
    );
  });

  it("parts a batch into its good and its bad records, in order", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const payload = [0, 1, 2, 3, 4, 5].map((n) => ({
      payload: n % 3 === 1 ? { ...GOOD, device_id: 5 } : { ...GOOD, light: n === 3 ? -1 : n },
      key: `k${n}`,
      timestamp: n,
    }));
    payload.push(null as never, { payload: "text" } as never);
    red.receive("node", { payload, topic: "t" });
    const [good] = await red.arrived("good", 1);
    const [refused] = await red.arrived("refused", 1);
    const keys = (list: unknown) => (list as { key?: string }[]).map(({ key }) => key);
    assert.deepEqual(keys(good?.payload), ["k0", "k2", "k3", "k5"]);
    assert.deepEqual(keys(refused?.payload), ["k1", "k4", undefined, undefined]);
    assert.equal(at<{ timestamp: number }[]>(good, "payload")[0]?.timestamp, 0);
    assert.deepEqual([good?.topic, refused?.topic], ["t", "t"]);
    assert.match(
      at<{ error: { message: string } }[]>(refused, "payload")[0]?.error.message ?? "",
      /device_id = 5 is not text/,
    );
  });

  it("fails what it refuses when nothing is wired to the second output", async () => {
    const red = await nodeRed();
    await red.deploy(flow({}, []));
    red.receive("node", { payload: { ...GOOD, lon: "x" } });
    red.receive("node", { payload: [{ payload: GOOD }, { payload: 7 }] });
    const [one, batch] = await red.arrived("caught", 2);
    assert.match(errorOf(one), /lon = "x" is not a float/);
    assert.match(errorOf(batch), /1 of 2 records were refused: payload is 7/);
    const [good] = await red.arrived("good", 1);
    assert.equal(at<unknown[]>(good, "payload").length, 1);
  });

  it("takes bad input of every kind and goes on", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    const bad = [null, undefined, 5, "{broken", Buffer.alloc(10_000_000), [], [1, 2], true, "x".repeat(10_000_000)];
    for (const payload of bad) red.receive("node", { payload });
    red.receive("node", { payload: GOOD });
    const refused = await red.arrived("refused", bad.length);
    assert.ok(refused.every((message) => errorOf(message).length < 200));
    await red.arrived("good", 1);
  });

  it("checks by the rows of the form", async () => {
    const red = await nodeRed();
    const metricFields = [
      { field: "id", type: "string", min: "1", max: "", error: "", mandatory: true },
      { field: "air.pm", type: "int", min: "0", max: "500", error: "-1", mandatory: false },
    ];
    await red.deploy(
      flow({ metric: "fields", metricFields, statusField: "state", timeField: "", numbersInText: true }),
    );
    red.receive("node", { payload: { id: "a", air: { pm: "12", no2: 1 } } });
    red.receive("node", { payload: { id: "a", air: { pm: -1 } } });
    red.receive("node", { payload: { air: {} } });
    const [text, error] = await red.arrived("good", 2);
    assert.deepEqual(text?.payload, { id: "a", air: { pm: 12, no2: 1 } });
    assert.deepEqual(error?.payload, { id: "a", air: { pm: null }, state: 1 });
    const [refused] = await red.arrived("refused", 1);
    assert.equal(errorOf(refused), "id is missing");
  });

  it("checks by a JSON Schema", async () => {
    const red = await nodeRed();
    const schema = JSON.stringify({
      type: "object",
      required: ["id"],
      properties: { id: { type: "integer", minimum: 1 } },
    });
    await red.deploy(flow({ metric: "schema", schema }));
    red.receive("node", { payload: { id: 0 } });
    red.receive("node", { payload: { id: 1 } });
    await red.arrived("good", 1);
    const [refused] = await red.arrived("refused", 1);
    assert.equal(errorOf(refused), "id = 0 is below the minimum 1");
  });

  for (const [what, settings, message] of [
    [
      "a row without a field",
      { metric: "fields", metricFields: [{ field: "", type: "int" }] },
      /Fields: row 1: Field: is required/,
    ],
    [
      "a range that nothing fits",
      { metric: "fields", metricFields: [{ field: "a", type: "int", min: 5, max: 1 }] },
      /row 1: lowest 5 is above highest 1/,
    ],
    [
      "two rows for a field",
      {
        metric: "fields",
        metricFields: [
          { field: "a", type: "int" },
          { field: "a", type: "float" },
        ],
      },
      /"a" has two rows/,
    ],
    [
      "an error value that is no number",
      { metric: "fields", metricFields: [{ field: "a", type: "int", error: "x" }] },
      /the error value "x" is not a number/,
    ],
    ["a schema that is not JSON", { metric: "schema", schema: "{" }, /JSON Schema: /],
    [
      "a schema with a rule it cannot check",
      { metric: "schema", schema: '{"properties":{"a":{"type":"number","multipleOf":2}}}' },
      /"multipleOf" cannot be checked/,
    ],
  ] as const) {
    it(`shows what to change when set to ${what}, and fails messages instead of losing them`, async () => {
      const red = await nodeRed();
      red.logs.length = 0;
      await red.deploy(flow(settings));
      assert.ok(
        red.logs.some((entry) => message.test(String(entry.msg))),
        JSON.stringify(red.logs),
      );
      red.receive("node", { payload: GOOD });
      const [caught] = await red.arrived("caught", 1);
      assert.match(errorOf(caught), message);
      assert.equal(red.status("node")?.fill, "red");
    });
  }

  it("lets go when it is redeployed in mid-stream", async () => {
    const red = await nodeRed();
    await red.deploy(flow());
    for (let i = 0; i < 100; i++) red.receive("node", { payload: GOOD });
    await red.deploy(flow({ numbersInText: true }), "nodes");
    red.receive("node", { payload: { ...GOOD, temp: "20" } });
    await red.until("the new instance reads text", () =>
      red.collected("good").some(({ message }) => (message.payload as typeof GOOD).temp === 20),
    );
  });
});
