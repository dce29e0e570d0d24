import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { DeadLetter } from "../../../nodes/lib/delivery/contract";
import { decode, decodeDeadLetter, encode, encodeDeadLetter } from "../../../nodes/lib/delivery/dead-letter-format";
import { deadLetterRecords, letterOfRecord } from "../../../nodes/lib/kafka/dead-letter-record";

const letter = (payload: unknown): DeadLetter => ({
  message: { payload },
  error: new Error("no"),
  attempts: 1,
  time: 1_000,
});
const throughFile = (payload: unknown): unknown => decodeDeadLetter(encodeDeadLetter(letter(payload))).message.payload;
const throughTopic = (payload: unknown): unknown => {
  const [record] = deadLetterRecords("dead", letter(payload), "one", { id: "in", type: "citystream-kafka-in" });
  assert.ok(record);
  const headers = Object.fromEntries((record.headers ?? []) as Iterable<[string, Buffer]>);
  const { key, value } = record;
  return letterOfRecord("dead", 0, { offset: 0, timestamp: 0, key, value, headers, size: 0 }).message.payload;
};

/** Records' own objects that read like this pack's tags: MongoDB's extended JSON has `$date`, JSON schemas `$ref`. */
const LOOKALIKES: readonly unknown[] = [
  { $date: "2026-01-01T00:00:00Z" },
  { $date: null },
  { $date: { $numberLong: "5" } },
  { $base64: "aGk=" },
  { $number: "12" },
  { $bigint: "12" },
  { $bigint: "twelve" },
  { $literal: 1 },
  { $literal: { $date: "2026-01-01T00:00:00Z" } },
  { $literal: { $literal: { $literal: {} } } },
  { $ref: "#/definitions/site" },
  { $base64: "aGk=", also: 1 },
  [{ nested: [{ $date: "yesterday" }] }],
];

const INVALID = Symbol("an invalid date");
/** Two invalid dates are equal: for Node.js 20 they are not. */
const comparable = (value: unknown): unknown => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? INVALID : value;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, comparable(one)]));
};

describe("a dead letter's values", () => {
  for (const payload of LOOKALIKES)
    it(`come back as they were: ${JSON.stringify(payload)}`, () => {
      assert.deepEqual(throughFile(payload), payload);
      assert.deepEqual(throughTopic(payload), payload);
    });

  it("come back as they were when JSON leaves parts of them out", () =>
    assert.deepEqual(throughFile({ $date: "x", left: undefined }), { $date: "x" }));

  it("come back whatever they are", () => {
    const key = fc.oneof(
      fc.string(),
      fc.constantFrom("$date", "$base64", "$number", "$bigint", "$literal", "__proto__"),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.bigInt(),
        fc.date({ noInvalidDate: false }),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.array(fc.tuple(key, tie("value")), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
      ),
    }));
    fc.assert(
      fc.property(value, (one) =>
        assert.deepEqual(comparable(decode(JSON.parse(JSON.stringify(encode(one))))), comparable(one)),
      ),
      { numRuns: 2_000 },
    );
  });

  it("are read from what earlier versions wrote", () => {
    assert.deepEqual(decode({ $literal: "kept", more: 1 }), { $literal: "kept", more: 1 });
    assert.deepEqual(decode({ $literal: { mine: 1 } }), { $literal: { mine: 1 } });
    assert.deepEqual(decode({ at: { $date: "2026-01-01T00:00:00.000Z" } }), { at: new Date(Date.UTC(2026, 0, 1)) });
  });

  it("that Kafka Connect wrote are its own: nothing in them is a tag", () => {
    const payload = { _id: 1, at: { $date: "2026-01-01T00:00:00Z" } };
    const value = Buffer.from(JSON.stringify(payload));
    const read = letterOfRecord("dead", 0, { offset: 0, timestamp: 0, key: null, value, headers: {}, size: 0 });
    assert.deepEqual(read.message.payload, payload);
  });
});
