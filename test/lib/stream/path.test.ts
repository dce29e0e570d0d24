import assert from "node:assert/strict";
import { ConfigError, Rejected } from "../../../nodes/lib/errors";
import { laneOf } from "../../../nodes/lib/stream/lanes";
import { compileKey, compilePath, parsePath } from "../../../nodes/lib/stream/path";

describe("property paths", () => {
  it("are read with dots, indexes and quoted names", () => {
    assert.deepEqual(parsePath('payload.readings[0]["air quality"].pm', "Field"), [
      "payload",
      "readings",
      "0",
      "air quality",
      "pm",
    ]);
    assert.deepEqual(parsePath("msg.payload.온도", "Field"), ["payload", "온도"]);
    assert.deepEqual(parsePath("msg", "Field"), ["msg"]);
  });

  it("keep PM2.5 one name", () => {
    assert.deepEqual(parsePath("PM2.5", "Field"), ["PM2.5"]);
    assert.deepEqual(parsePath("payload.PM2.5.mean", "Field"), ["payload", "PM2.5", "mean"]);
    assert.deepEqual(parsePath("payload.PM2.5[0].1.0", "Field"), ["payload", "PM2.5", "0", "1.0"]);
    assert.deepEqual(parsePath("air.2nd.x", "Field"), ["air", "2nd", "x"]);
    assert.deepEqual(parsePath('["PM2.5"]', "Field"), ["PM2.5"]);
  });

  it("are refused with the setting's name when they cannot be read", () => {
    for (const bad of ["", " ", "a..b", "a[", "a[b", ".a", "a]"])
      assert.throws(
        () => parsePath(bad, "Field"),
        (error) => error instanceof ConfigError && error.message.startsWith("Field: "),
        bad,
      );
  });

  it("read undefined where a step is missing, and no methods", () => {
    const read = compilePath("a.b.c", "Field");
    for (const record of [null, 1, {}, { a: null }, { a: { b: "text" } }, undefined])
      assert.equal(read(record), undefined);
    assert.equal(read({ a: { b: { c: 5 } } }), 5);
    assert.equal(compilePath("constructor", "Field")({}), undefined);
  });
});

describe("a record's key", () => {
  it("is found by path or template", () => {
    const record = { key: Buffer.from("서울"), payload: { site: "a", id: 7, on: true } };
    assert.equal(compileKey("key")(record), "서울");
    assert.equal(compileKey("payload.id")(record), "7");
    assert.equal(compileKey("{{payload.site}}/{{payload.id}}")(record), "a/7");
    assert.equal(compileKey("")(record), "");
  });

  it("is refused by record, naming path and value, when there is none", () => {
    for (const [value, words] of [
      [undefined, "missing"],
      [null, "null"],
      [{}, "an object"],
      [NaN, "NaN"],
    ] as const)
      assert.throws(
        () => compileKey("payload.id")({ payload: { id: value } }),
        (error) => error instanceof Rejected && error.message.includes(`payload.id is ${words}`),
      );
    assert.throws(() => compileKey("{{payload.id}}")({ payload: {} }), Rejected);
    assert.throws(() => compileKey("{{payload.id"), ConfigError);
  });
});

describe("lanes", () => {
  it("take each priority to the highest lane it reaches, whatever their order", () => {
    const lane = laneOf([
      { name: "batch", from: 0 },
      { name: "urgent", from: 3 },
      { name: "real time", from: 1 },
    ]);
    assert.deepEqual([0, 0.5, 1, 2.9, 3, 100, -1, NaN].map(lane), [0, 0, 2, 2, 1, 1, 0, 0]);
  });

  it("are refused when two begin at one priority or there is none", () => {
    assert.throws(() => laneOf([]), /no lane/);
    assert.throws(
      () =>
        laneOf([
          { name: "a", from: 1 },
          { name: "b", from: 1 },
        ]),
      /"a" and "b" both begin at priority 1/,
    );
  });
});
