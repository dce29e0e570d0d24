/** Odd messages → records: each is refused by itself, saying which field, or stored as exactly what it was. */
import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import type { Message } from "../../nodes/lib/delivery/contract";
import { Rejected } from "../../nodes/lib/errors";
import type { OutgoingRecord } from "../../nodes/lib/kafka/port";
import { encodeBatch, openRecordSet, stampBatch } from "../../nodes/lib/kafka/record-batch";
import { decodeRecord, encodeRecord } from "../../nodes/lib/kafka/spooled-record";
import { recordOf, type RecordSettings } from "../../nodes/sink/kafka-out/records";

const NOW = 1_700_000_000_000;
const settings: RecordSettings = {
  topic: undefined,
  key: (message) => message["key"],
  partition: (message) => message["partition"],
  format: "auto",
};
const make = (message: Message, more: Partial<RecordSettings> = {}): OutgoingRecord =>
  recordOf(message, message, { ...settings, ...more });

const circular: Record<string, unknown> = {};
circular["self"] = circular;
const odd = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
    withSparseArray: true,
  }),
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.constantFrom<unknown>(
    circular,
    "\ud800",
    "a\udc00b",
    Symbol("s"),
    () => 1,
    NaN,
    -Infinity,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    0.5,
    -0,
    new ArrayBuffer(3),
    new DataView(new ArrayBuffer(4), 1, 2),
    new Float64Array(2),
    new Map([["a", 1]]),
    new Error("lost?"),
    Promise.resolve(1),
    /x/,
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("no keys");
        },
      },
    ),
    Object.defineProperty({}, "bad", {
      enumerable: true,
      get: () => {
        throw new TypeError("no value");
      },
    }),
    { toJSON: () => undefined },
    {
      toJSON() {
        throw new RangeError("no JSON");
      },
    },
    Object.assign(Object.create(null) as object, { a: 1 }),
    runInNewContext("new Date(5)"),
    runInNewContext("new Uint8Array([1, 2])"),
    "__proto__",
    "constructor",
    "",
    " ",
    "5",
    "0x10",
  ),
);
const message = fc.record(
  {
    topic: fc.oneof({ weight: 5, arbitrary: fc.constant("t") }, { weight: 1, arbitrary: odd }),
    payload: odd,
    key: odd,
    partition: fc.oneof(odd, fc.nat(5)),
    timestamp: fc.oneof(odd, fc.nat()),
    headers: fc.oneof(odd, fc.dictionary(fc.string({ unit: "binary" }), odd)),
  },
  { noNullPrototype: false },
) as fc.Arbitrary<Message>;

/** What Kafka gives back of records that were written together. */
const stored = async (records: readonly OutgoingRecord[]) => {
  const batch = await encodeBatch(records, NOW);
  stampBatch(batch, { producerId: -1n, producerEpoch: -1, sequence: -1 });
  return (await openRecordSet(batch)).read(Infinity);
};

const FIELDS = /topic|payload|key|partition|timestamp|header|record can't be read/iu;

describe("records of kafka out", () => {
  it("are refused each by itself, naming the field, or come back as they were, from Kafka and from the spool", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 5 }), async (messages) => {
        const made: OutgoingRecord[] = [];
        for (const one of messages)
          try {
            made.push(make(one));
          } catch (error) {
            assert.ok(error instanceof Rejected, `${String(error)} is no Rejected`);
            assert.match(error.message, FIELDS);
          }
        if (made.length === 0) return;
        for (const [at, found] of (await stored(made)).entries()) {
          const { key, value, timestamp = NOW, headers = [] } = made[at]!;
          assert.deepEqual([found.key, found.value, found.timestamp], [key, value, timestamp]);
          const names = Object.keys(found.headers ?? {});
          assert.deepEqual(names.toSorted(), [...new Set(headers.map(([name]) => name))].toSorted());
        }
        for (const one of made)
          assert.deepEqual(decodeRecord(encodeRecord(one, NOW)), { ...one, timestamp: one.timestamp ?? NOW });
      }),
      { numRuns: 1000 },
    );
  });

  it("hold text as it was, or are refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        try {
          assert.equal(String(make({ topic: "t", payload: text }).value), text);
        } catch (error) {
          assert.match(String(error), /Rejected: msg\.payload is text with half a surrogate pair/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  const bytes: [string, unknown, number[]][] = [
    ["an ArrayBuffer", Uint8Array.from([7, 8]).buffer, [7, 8]],
    ["a DataView of a part", new DataView(Uint8Array.from([7, 8, 9]).buffer, 1, 1), [8]],
    ["a function node's own Uint8Array", runInNewContext("new Uint8Array([1, 2])"), [1, 2]],
  ];
  for (const [what, payload, expected] of bytes)
    it(`take ${what} as bytes`, () => {
      assert.deepEqual([...(make({ topic: "t", payload }).value ?? [])], expected);
    });

  const refused: [string, Record<string, unknown>, RegExp][] = [
    ["NaN", { payload: NaN }, /msg\.payload can't be written as JSON: NaN would become null/],
    ["a Map", { payload: new Map([[1, 2]]) }, /msg\.payload .* of kind Map nothing would be left/],
    ["half a character in the key", { key: "\ud83d" }, /The key is text with half a surrogate pair/],
    ["headers in a Map", { headers: new Map([["a", "b"]]) }, /msg\.headers must be an object .* but is of kind Map/],
    ["headers that are bytes", { headers: Buffer.from("ab") }, /msg\.headers must be an object .* Uint8Array/],
    ["half a character in a header's name", { headers: { "\udc00": 1 } }, /The name of header .* surrogate/],
    ["a header that is a function", { headers: { f: () => 1 } }, /Header "f" can't be written as JSON/],
    ["a partition beyond Kafka's", { partition: 2 ** 32 }, /msg\.partition 4294967296 is not a partition/],
    ["a partition that is a date", { partition: new Date(1) }, /msg\.partition .* is not a partition/],
    ["a timestamp without a year", { timestamp: "5" }, /msg\.timestamp "5" is not a time/],
    ["a timestamp that is a bigint", { timestamp: 5n }, /msg\.timestamp 5n is not a time/],
    ["an invalid date", { timestamp: new Date(NaN) }, /msg\.timestamp Invalid Date is not a time/],
    [
      "a value that throws",
      {
        headers: {
          get a() {
            throw new Error("oh");
          },
        },
      },
      /the record can't be read: oh/,
    ],
  ];
  for (const [what, more, words] of refused)
    it(`are refused with ${what}, saying so`, () => {
      assert.throws(
        () => make({ topic: "t", payload: 1, ...more }),
        (error) => error instanceof Rejected && words.test(error.message),
      );
    });

  it("take a function node's own Date as the time it is, to the millisecond", () => {
    assert.equal(
      make({ topic: "t", payload: 1, timestamp: runInNewContext("new Date(1700000000123)") }).timestamp,
      1_700_000_000_123,
    );
  });
});
