/** Lines of JSON that are read into Parquet's columns without being parsed. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { LineReader, type LineColumn } from "../../../../nodes/lib/formats/parquet/line-reader";
import { ParquetThread } from "../../../../nodes/lib/formats/parquet/thread";
import { parquet } from "../../../../nodes/lib/formats/parquet/parquet";
import { parseSchema } from "../../../../nodes/lib/formats/schema/parse";

const schema = parseSchema({
  type: "record",
  name: "R",
  fields: [
    { name: "n", type: "long" },
    { name: "small", type: ["null", "int"] },
    { name: "pm25", type: ["null", "double"] },
    { name: "rough", type: "float", default: 1.5 },
    { name: "_uC7A5_uC18C", doc: "장소", type: ["null", "string"] },
    { name: "at", type: ["null", { type: "long", logicalType: "timestamp-millis" }] },
    { name: "even", type: ["null", "boolean"] },
    { name: "level", type: ["null", { type: "enum", name: "Level", symbols: ["low", "high"] }] },
    { name: "price", type: ["null", { type: "bytes", logicalType: "decimal", precision: 12, scale: 2 }] },
  ],
});

const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.maxSafeInteger());
const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("1", "low", "서울 ☂", 'a "b"'));
const any = fc.oneof(number, text, fc.boolean(), fc.constant(null));
/** Mostly such as the schema wants them. */
const value = {
  n: fc.oneof({ weight: 8, arbitrary: fc.maxSafeInteger() }, any),
  small: fc.oneof({ weight: 8, arbitrary: fc.integer() }, any),
  pm25: fc.oneof({ weight: 8, arbitrary: number }, any),
  rough: fc.oneof({ weight: 8, arbitrary: number }, any),
  장소: fc.oneof({ weight: 8, arbitrary: text }, any),
  at: fc.oneof(fc.constantFrom("2026-05-01T00:00:00Z", 1_767_225_600_000), any),
  even: fc.oneof(fc.boolean(), any),
  level: fc.oneof(fc.constantFrom("low", "high", "none"), any),
  price: fc.oneof(fc.constantFrom("1.25", 3, "1.255"), any),
  beyond: fc.oneof(any, fc.array(any), fc.dictionary(fc.string(), any)),
};
/** As programs of several languages write it. */
const spacing = fc.constantFrom(
  (record: object) => JSON.stringify(record),
  (record: object) => JSON.stringify(record, null, 1).replaceAll(/\n */gu, " "),
  (record: object) => ` ${JSON.stringify(record)}\r`,
);

describe("lines of JSON in Parquet", () => {
  let thread: ParquetThread;
  beforeEach(() => {
    thread = new ParquetThread();
  });
  afterEach(() => thread.end());

  it("give the same file, and the same refusals, as the records that they hold", async function () {
    this.timeout(60_000);
    const names = fc.shuffledSubarray(Object.keys(value), { minLength: 1 });
    const lists = fc.tuple(names, spacing, fc.array(fc.record(value), { maxLength: 30 }));
    await fc.assert(
      fc.asyncProperty(fc.array(lists, { minLength: 1, maxLength: 3 }), async (parts) => {
        const format = parquet(schema, "none", thread);
        const [lines, parsed] = [format.begin(), format.begin()];
        const outcome = (action: () => unknown): unknown => {
          try {
            return action() === undefined ? "not taken" : "taken";
          } catch (error) {
            return (error as Error).message;
          }
        };
        for (const [order, write, records] of parts)
          for (const record of records) {
            const line = write(Object.fromEntries(order.map((name) => [name, record[name as keyof typeof value]])));
            assert.equal(
              outcome(() => lines.add(Buffer.from(line), true)),
              outcome(() => parsed.add(JSON.parse(line))),
              line,
            );
          }
        const [once, again] = [await lines.content(), await parsed.content()];
        assert.ok(Buffer.concat(once).equals(Buffer.concat(again)));
      }),
      { numRuns: 200 },
    );
  });

  const column = (): LineColumn & { readonly values: unknown[] } => {
    const values: unknown[] = [];
    return {
      values,
      add: (one) => values.push(one),
      addText: (line, from, to) => values.push(line.toString("utf8", from, to)),
      addNumber: (one) => values.push(one),
    };
  };
  const given = (record: object): unknown => {
    const { n } = record as { n?: unknown };
    if (n === undefined) throw new Error("missing");
    return n;
  };
  const added = (lines: readonly string[]): { sizes: unknown[]; values: unknown[] } => {
    const reader = new LineReader([{ name: "n", way: "double", read: given }]);
    const into = column();
    return { sizes: lines.map((line) => reader.add(Buffer.from(line), [into])), values: into.values };
  };

  it("read numbers as JSON.parse does, to the last bit", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          number.map((one) => JSON.stringify(one)),
          fc.tuple(fc.integer(), fc.nat(), fc.integer({ min: -30, max: 30 })).map(([a, b, e]) => `${a}.${b}e${e}`),
          fc.tuple(fc.integer({ min: -9999, max: 9999 }), fc.nat()).map(([a, b]) => `${a}.${b}`),
          fc.bigInt().map(String),
        ),
        (digits) => {
          const [found] = added([`{"n":${digits}}`]).values;
          assert.ok(Object.is(found, JSON.parse(digits)), `${digits} was read as ${String(found)}`);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("are read though names beside the columns come and go", () => {
    const { sizes, values } = added(['{"n":1}', '{"n":2}', '{"m":"x","n":3}', '{"n":4, "m":null}', '{"n":5}']);
    assert.deepEqual(sizes, [12, 12, 17, 13, 12]);
    assert.deepEqual(values, [1, 2, 3, 4, 5]);
  });

  it("are left to be parsed where they are no flat object, or have escapes, a name twice or a column less", () => {
    const left = ["[1]", "1", "{}", '{"n":[1]}', '{"n":{"a":1}}', '{"n":1,"n":2}', '{"\\u006e":1}', '{"m":1}'];
    assert.deepEqual(added(left), { sizes: left.map(() => undefined), values: [] });
  });
});
