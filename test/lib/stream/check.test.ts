import assert from "node:assert/strict";
import * as fc from "fast-check";
import { ConfigError } from "../../../nodes/lib/errors";
import { checker, sentence } from "../../../nodes/lib/stream/check";
import { IOT_METRIC, timeOf } from "../../../nodes/lib/stream/metric";
import type { Metric } from "../../../nodes/lib/stream/metric";
import { metricFromSchema } from "../../../nodes/lib/stream/metric-schema";

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
const check = checker(IOT_METRIC);

describe("the published IoT metric", () => {
  it("lets a good record through as the very object, with its time", () => {
    const checked = check(GOOD);
    assert.equal(checked.payload, GOOD);
    assert.deepEqual([checked.flags, checked.reasons], [[], []]);
    assert.equal(checked.time, Date.UTC(2017, 1, 28, 23));
  });

  it("turns each error value into null with a flag and sets status 1", () => {
    for (const [field, error] of [
      ["alcohol_gas", -1],
      ["co_gas", -1],
      ["temp", -999],
      ["light", -1],
    ] as const) {
      const checked = check({ ...GOOD, [field]: error });
      assert.deepEqual(checked.payload, { ...GOOD, [field]: null, status: 1 });
      assert.deepEqual(checked.flags, [
        { field, rule: "error value", value: error, message: `${field} = ${error} is the sensor's error value` },
      ]);
      assert.deepEqual(checked.reasons, []);
    }
  });

  it("flags missing and bad readings, naming field, value and rule", () => {
    const { alcohol_gas: _, ...rest } = GOOD;
    const checked = check({ ...rest, temp: 125.1, light: 1.5, dust: "33", co_gas: null });
    assert.deepEqual(checked.payload, {
      ...rest,
      alcohol_gas: null,
      temp: null,
      light: null,
      dust: null,
      co_gas: null,
      status: 1,
    });
    assert.equal(
      sentence(checked.flags),
      'alcohol_gas is missing; co_gas is null; temp = 125.1 is above the maximum 125; light = 1.5 is not an int; dust = "33" is not a float but text',
    );
    assert.deepEqual(
      checked.flags.map((flag) => flag.rule),
      ["missing", "missing", "range", "type", "type"],
    );
  });

  it("keeps a status that already tells of an error", () => {
    assert.equal((check({ ...GOOD, status: 2, temp: -999 }).payload as typeof GOOD).status, 2);
    assert.equal((check({ ...GOOD, status: 2 }).payload as typeof GOOD).status, 2);
  });

  it("accepts the ends of every range and refuses what lies beyond", () => {
    const ends = {
      lat: [-90, 90],
      lon: [-180, 180],
      alcohol_gas: [0, 1023],
      co_gas: [0, 1023],
      temp: [-40, 125],
      light: [0, 1023],
      dust: [0, 750],
    };
    for (const [field, [min = 0, max = 0]] of Object.entries(ends)) {
      for (const value of [min, max]) assert.equal(check({ ...GOOD, [field]: value }).payload !== null, true);
      for (const value of [min, max]) assert.deepEqual(check({ ...GOOD, [field]: value }).flags, [], field);
      for (const value of [min - 2, max + 2]) {
        const { flags, reasons } = check({ ...GOOD, [field]: value });
        assert.deepEqual(
          [...flags, ...reasons].map((f) => [f.field, f.rule]),
          [[field, "range"]],
        );
      }
    }
  });

  it("refuses what breaks a mandatory rule, with every reason and the payload as it came", () => {
    const bad = { ...GOOD, device_id: "", status: 7, time: "yesterday", lat: 91, lon: undefined, temp: -999 };
    const checked = check(bad);
    assert.equal(checked.payload, bad);
    assert.equal(
      sentence(checked.reasons),
      'device_id = "" has length 0, below the minimum 1; status = 7 is not one of 0, 1, 2; ' +
        'time = "yesterday" is not a time (ISO 8601 text, or ms since the epoch); lat = 91 is above the maximum 90; lon is missing',
    );
  });

  it("refuses payloads that are no object, saying what they are", () => {
    const cases: [unknown, RegExp][] = [
      [null, /payload is null/],
      [undefined, /payload is missing/],
      ['{"a":1}', /decode it first/],
      [Buffer.from("{}"), /a buffer of 2 bytes.*decode it first/],
      [[1, 2], /an array of 2/],
      [4, /payload is 4/],
      ["x".repeat(10_000_000), /payload is "x{56}…?/],
    ];
    for (const [payload, message] of cases) {
      const { reasons } = check(payload);
      assert.equal(reasons.length, 1);
      assert.match(reasons[0]?.message ?? "", message);
      assert.ok((reasons[0]?.message.length ?? 0) < 200);
    }
  });

  it("never throws and never changes its input, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record(Object.fromEntries(Object.keys(GOOD).map((k) => [k, fc.anything()])), { requiredKeys: [] }),
        ),
        (payload) => {
          const before = fc.stringify(payload);
          const { reasons, payload: out } = check(payload);
          assert.equal(fc.stringify(payload), before);
          if (reasons.length === 0) {
            const again = check(out);
            assert.deepEqual(again.reasons, []);
            assert.equal(fc.stringify(again.payload), fc.stringify(out));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("a metric of one's own", () => {
  it("reads numbers in text when asked to, and only then", () => {
    const metric: Metric = {
      name: "m",
      fields: [{ names: ["t"], type: "float", mandatory: true, min: 0, error: -999 }],
    };
    assert.deepEqual(checker(metric, { numbersInText: true })({ t: "21.5" }).payload, { t: 21.5 });
    assert.equal(checker(metric, { numbersInText: true })({ t: "-999" }).reasons[0]?.rule, "error value");
    assert.equal(checker(metric, { numbersInText: true })({ t: "x" }).reasons[0]?.rule, "type");
    assert.equal(checker(metric)({ t: "21.5" }).reasons[0]?.message, 't = "21.5" is not a float but text');
  });

  it("checks nested fields and copies only what changes", () => {
    const metric: Metric = {
      name: "m",
      fields: [{ names: ["air", "pm"], type: "int", mandatory: false }],
      status: ["meta", "status"],
    };
    const payload = { air: { pm: 1.5, no2: 3 }, other: {} };
    const checked = checker(metric)(payload);
    assert.deepEqual(checked.payload, { air: { pm: null, no2: 3 }, other: {}, meta: { status: 1 } });
    assert.equal((checked.payload as { other: unknown }).other, payload.other);
  });
});

describe("times in records", () => {
  it("are ISO text (UTC without a zone), ms, or seconds", () => {
    const at = Date.UTC(2017, 1, 28, 23);
    for (const value of [
      "2017-02-28T23:00:00Z",
      "2017-02-28 23:00",
      "2017-03-01T08:00+09:00",
      "2017-03-01 08:00:00+09",
      at,
      at / 1000,
      new Date(at),
    ])
      assert.equal(timeOf(value), at, String(value));
    for (const value of ["", "12", "2017", "2017-13-01", "28.02.2017", NaN, 1e17, null, {}, true])
      assert.ok(Number.isNaN(timeOf(value)), String(value));
  });
});

describe("JSON Schema import", () => {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    required: ["id", "pos"],
    properties: {
      id: { type: "string", pattern: "^s-\\d+$" },
      pos: { $ref: "#/$defs/position" },
      temp: { type: ["number", "null"], minimum: -40, exclusiveMaximum: 125, "x-error-value": -999 },
      mode: { type: "string", enum: ["auto", "manual"] },
      status: { type: "integer" },
      read: { type: "string", format: "date-time", "x-time": true },
      extra: { type: "object", required: ["deep"], properties: { deep: { type: "boolean" } } },
    },
    $defs: {
      position: {
        type: "object",
        required: ["lat"],
        properties: { lat: { type: "number", minimum: -90, maximum: 90 }, alt: { type: "number" } },
      },
    },
  };

  it("gives a metric with the same rules", () => {
    const metric = metricFromSchema(JSON.stringify(schema));
    const good = {
      id: "s-1",
      pos: { lat: 35, alt: 2 },
      temp: null,
      mode: "auto",
      status: 0,
      read: "2020-01-01T00:00:00Z",
      extra: { deep: true },
    };
    const checkIt = checker(metric);
    assert.deepEqual([checkIt(good).flags, checkIt(good).reasons], [[], []]);
    assert.equal(checkIt(good).time, Date.UTC(2020, 0, 1));
    assert.equal(sentence(checkIt({ ...good, id: "x" }).reasons), 'id = "x" does not match ^s-\\d+$');
    assert.equal(sentence(checkIt({ ...good, pos: { lat: 91 } }).reasons), "pos.lat = 91 is above the maximum 90");
    assert.equal(sentence(checkIt({ ...good, pos: undefined }).reasons), "pos is missing; pos.lat is missing");
    assert.equal(
      sentence(checkIt({ ...good, temp: 125, mode: "off" }).flags),
      'temp = 125 is not below 125; mode = "off" is not one of "auto", "manual"',
    );
    assert.deepEqual((checkIt({ ...good, temp: -999 }).payload as typeof good).status, 1);
    assert.equal(sentence(checkIt({ ...good, extra: undefined }).flags), "extra.deep is missing");
  });

  it("says where a schema cannot be used, and ignores no rule", () => {
    const cases: [unknown, RegExp][] = [
      ["{", /at #: is not JSON/],
      [[], /must be an object, it is an array/],
      [{ type: "object" }, /has no properties/],
      [
        { type: "object", properties: { a: { type: "number", multipleOf: 2 } } },
        /#\/properties\/a: "multipleOf" cannot be checked/,
      ],
      [{ type: "object", properties: { a: { anyOf: [] } } }, /"anyOf" cannot be checked/],
      [{ type: "object", properties: { a: { type: ["string", "number"] } } }, /type is \["string","number"\]/],
      [{ type: "object", properties: { a: { $ref: "https://x/y" } } }, /only references inside the schema/],
      [{ type: "object", properties: { a: { $ref: "#/$defs/none" } } }, /not in the schema/],
      [{ type: "object", properties: { a: { $ref: "#" } } }, /nested more than 20 deep/],
      [{ type: "object", required: ["b"], properties: { a: { type: "number" } } }, /names "b", which is not among/],
      [{ type: "object", properties: { a: { type: "string", pattern: "(" } } }, /#\/properties\/a\/pattern/],
      [{ type: "object", additionalProperties: false, properties: { a: { type: "string" } } }, /additionalProperties/],
      [{ type: "object", properties: { a: { type: "number", minimum: "1" } } }, /minimum: must be a number/],
    ];
    for (const [bad, message] of cases)
      assert.throws(
        () => metricFromSchema(bad),
        (error) => error instanceof ConfigError && message.test(error.message),
        String(message),
      );
  });
});
