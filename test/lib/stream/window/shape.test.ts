import assert from "node:assert/strict";
import * as fc from "fast-check";
import { ConfigError } from "../../../../nodes/lib/errors";
import { duration } from "../../../../nodes/lib/stream/duration";
import { sizeOf } from "../../../../nodes/lib/stream/size";
import { aggregatesOf } from "../../../../nodes/lib/stream/window/aggregates";
import type { Entry } from "../../../../nodes/lib/stream/window/entry";
import { sourceOf } from "../../../../nodes/lib/stream/window/provenance";
import { columnsOf, matrixOf } from "../../../../nodes/lib/stream/window/shape";
import type { Fill } from "../../../../nodes/lib/stream/window/shape";

const entry = (time: number, payload: unknown, source?: object): Entry<null> => ({
  key: "k",
  time,
  sequence: 0,
  bytes: 1,
  record: { payload, ...(source && { source }) },
  origin: null,
  open: 0,
  unsent: 0,
});
const feature = (name: string) => ({
  name,
  read: (payload: unknown) => (payload as Record<string, unknown> | null)?.[name],
});
const [a, b] = [feature("a"), feature("b")];
const grid = (rows: number) => ({ start: 100, step: 10, rows });
const NONE = { fill: "none", limit: 3 } as const;

describe("a window as a matrix", () => {
  it("has a row per record and a column per feature, in their order", () => {
    const entries = [entry(1, { a: 1, b: 2, c: 9 }), entry(2, { b: 4, a: 3 })];
    assert.deepEqual(matrixOf(entries, [b, a], undefined, NONE), {
      values: Float64Array.of(2, 1, 4, 3),
      rows: 2,
      missing: 0,
    });
  });

  it("counts what is no number as missing, and truth as 1 and 0", () => {
    const entries = [null, "5", NaN, Infinity, {}, undefined, true, false].map((value, i) => entry(i, { a: value }));
    const { values, missing } = matrixOf([...entries, entry(9, null), entry(9, "text")], [a], undefined, NONE);
    assert.deepEqual([...values], [NaN, NaN, NaN, NaN, NaN, NaN, 1, 0, NaN, NaN]);
    assert.equal(missing, 8);
  });

  it("puts readings on the grid: the last one of a step counts, a missing one does not hide it", () => {
    const entries = [
      entry(100, { a: 1 }),
      entry(109, { a: 2 }),
      entry(109.5, { a: null }),
      entry(110, { a: 3 }),
      entry(129, { a: 4 }),
    ];
    assert.deepEqual([...matrixOf(entries, [a], grid(4), NONE).values], [2, 3, 4, NaN]);
  });

  const gap = (fill: Fill, limit: number, values: (number | null)[]) => [
    ...matrixOf(
      values.map((value, i) => entry(100 + 10 * i, { a: value })),
      [a],
      grid(values.length),
      { fill, limit },
    ).values,
  ];

  it("lets the last value go on for at most the longest gap", () => {
    assert.deepEqual(gap("last", 2, [null, 1, null, null, null, 5, null]), [NaN, 1, 1, 1, NaN, 5, 5]);
  });

  it("draws a line over gaps that are not too long, and never beyond what is known", () => {
    assert.deepEqual(gap("linear", 2, [null, 1, null, null, 4, null, null, null, 8, null]), [
      NaN,
      1,
      2,
      3,
      4,
      NaN,
      NaN,
      NaN,
      8,
      NaN,
    ]);
  });

  it("keeps what is known, and leaves only gaps empty", () => {
    const value = fc.option(fc.integer({ min: -100, max: 100 }), { nil: null });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 20 }),
        fc.constantFrom<Fill>("none", "last", "linear"),
        fc.integer({ min: 1, max: 20 }),
        (values, fill, limit) => {
          const filled = gap(fill, limit, values);
          values.forEach((known, i) => known !== null && assert.equal(filled[i], known));
          if (fill === "none")
            assert.equal(filled.filter(Number.isNaN).length, values.filter((v) => v === null).length);
          const known = values.filter((v) => v !== null);
          for (const v of filled) if (!Number.isNaN(v)) assert.ok(v >= Math.min(...known) && v <= Math.max(...known));
        },
      ),
    );
  });
});

describe("a window as columns", () => {
  it("has null for gaps beside the grid's times", () => {
    const { columns, missing } = columnsOf([entry(100, { a: 1 }), entry(120, { a: 3 })], [a], grid(4), NONE);
    assert.deepEqual(columns, { time: [100, 110, 120, 130], a: [1, null, 3, null] });
    assert.equal(missing, 2);
  });

  it("takes every property as it is when no feature is named", () => {
    const { columns } = columnsOf([entry(1, { a: "x" }), entry(2, { b: [1] }), entry(3, 7)], [], undefined, NONE);
    assert.deepEqual(columns, {
      a: ["x", null, null],
      b: [null, [1], null],
      payload: [null, null, 7],
      time: [1, 2, 3],
    });
  });
});

describe("aggregates", () => {
  it("are those of the definition", () => {
    const reading = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.array(reading, { minLength: 1, maxLength: 50 }), (values) => {
        const found = aggregatesOf(
          values.map((value, i) => entry(i, { a: value })),
          [a],
        )["a"];
        assert.ok(found);
        const mean = values.reduce((x, y) => x + y, 0) / values.length;
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
        assert.deepEqual(
          [found.count, found.min, found.max, found.first, found.last],
          [values.length, Math.min(...values), Math.max(...values), values[0], values.at(-1)],
        );
        assert.ok(Math.abs((found.mean ?? NaN) - mean) <= 1e-6);
        if (values.length === 1) assert.equal(found.stddev, null);
        else assert.ok(Math.abs((found.stddev ?? NaN) - deviation) <= 1e-6 * (1 + deviation));
      }),
    );
  });

  it("do not lose small readings among large ones", () => {
    const values = [1e16, 1, -1e16, 1];
    assert.equal(
      aggregatesOf(
        values.map((value, i) => entry(i, { a: value })),
        [a],
      )["a"]?.sum,
      2,
    );
  });

  it("hold percentiles as asked, on a line between the two nearest readings", () => {
    const values = [15, 20, "x", 35, 40, 50];
    const found = aggregatesOf(
      values.map((value, i) => entry(i, { a: value })),
      [a, b],
      [0, 40, 50, 99.9, 100],
    );
    // numpy.percentile([15, 20, 35, 40, 50], [0, 40, 50, 99.9, 100])
    assert.ok(found["a"]);
    const { p0, p40, p50, p100, "p99.9": near } = found["a"];
    assert.deepEqual([p0, p40, p50, p100], [15, 29, 35, 50]);
    assert.ok(Math.abs((near ?? NaN) - 49.96) < 1e-9);
    assert.equal(found["b"]?.p50, null);
  });

  it("are null without a reading, and skip what is none", () => {
    const found = aggregatesOf([entry(1, { a: null, b: 2 }), entry(2, { b: "x" })], [a, b]);
    assert.deepEqual(found["a"], {
      count: 0,
      min: null,
      max: null,
      mean: null,
      sum: null,
      first: null,
      last: null,
      stddev: null,
    });
    assert.equal(found["b"]?.count, 1);
  });
});

describe("a window's source", () => {
  it("is a range per partition, by the value of the offsets", () => {
    const at = (partition: number, offset: unknown) =>
      entry(1, 1, { kind: "kafka", topic: "t", partition, offset, epoch: 3 });
    assert.deepEqual(sourceOf([at(1, "10"), at(0, "7"), at(1, "9"), at(1, "100")]), {
      kind: "kafka",
      ranges: [
        { topic: "t", partition: 0, first: "7", last: "7", count: 1 },
        { topic: "t", partition: 1, first: "9", last: "100", count: 3 },
      ],
    });
    assert.equal(sourceOf([entry(1, 1)]), undefined);
    assert.deepEqual(sourceOf([entry(1, 1, { kind: "mqtt" })]), { kind: "mqtt", ranges: [] });
  });
});

describe("durations", () => {
  it("are read as people write them, and refused with the setting's name", () => {
    const read = ["500 ms", "60s", "5 min", "5m", "1.5 h", "1 d", "0", "-9 h"].map((text) => duration(text, "Length"));
    assert.deepEqual(read, [500, 60_000, 300_000, 300_000, 5_400_000, 86_400_000, 0, -32_400_000]);
    for (const bad of ["", "60", "s", "1 week", "1e3 s"])
      assert.throws(
        () => duration(bad, "Length"),
        (error) => error instanceof ConfigError && error.message.startsWith("Length: "),
        bad,
      );
  });
});

describe("the size of a record", () => {
  it("grows with what it holds, and ends for what holds itself", () => {
    assert.equal(sizeOf("x".repeat(1000)), 1000);
    assert.equal(sizeOf(Buffer.alloc(500)), 500);
    assert.equal(sizeOf(Float32Array.of(1, 2)), 8);
    assert.ok(sizeOf({ a: [1, 2, 3], b: null }) > 30);
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    assert.ok(sizeOf(loop) < 1000);
  });
});
