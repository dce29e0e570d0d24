/** Records that wait in a flow, packed. */
import assert from "node:assert/strict";
import { answerMemory, leaseOf } from "../../../nodes/lib/kafka/answer-pool";
import { PackedRecords } from "../../../nodes/lib/kafka/packed-records";
import type { FetchedRecord } from "../../../nodes/lib/kafka/port";

const answer = Buffer.from("k1v1k2v2k3v3");
const record = (offset: number, key: Buffer | null, value: Buffer | null, more = {}): FetchedRecord => ({
  offset,
  timestamp: 1_767_225_600_000 + offset,
  key,
  value,
  headers: undefined,
  size: 9,
  ...more,
});

describe("packed records", () => {
  it("come out as they went in, whatever of them is missing and wherever their bytes are", () => {
    const records = [
      record(7, answer.subarray(0, 2), answer.subarray(2, 4)),
      record(8, null, answer.subarray(6, 8)),
      record(20, answer.subarray(8, 10), null, { headers: { unit: Buffer.from("mg"), none: null } }),
      record(21, null, null),
      record(22, Buffer.alloc(0), Buffer.alloc(0)),
      record(23, null, Buffer.from(new Uint8Array(200).fill(65).buffer)),
      record(24, answer.subarray(0, 2), Buffer.from(new Uint8Array(200).fill(66).buffer)),
      record(2 ** 40, null, answer.subarray(10)),
    ];
    const packed = new PackedRecords(records);
    assert.deepEqual(packed.all(), records);
    assert.deepEqual(packed.at(2), records[2]);
    assert.equal(packed.at(8), undefined);
    for (const [at, { offset, timestamp, value }] of records.entries())
      assert.deepEqual([packed.offset(at), packed.timestamp(at), packed.value(at)], [offset, timestamp, value]);
  });

  it("look into the bytes that brought them, and copy none", () => {
    const packed = new PackedRecords([record(1, null, answer.subarray(2, 4))]);
    assert.equal(packed.value(0)?.buffer, answer.buffer);
  });

  it("look at keys without giving them away", () => {
    const apart = Buffer.from(new Uint8Array(200).fill(65).buffer);
    const packed = new PackedRecords([
      record(1, answer.subarray(0, 2), answer.subarray(2, 4)),
      record(2, null, answer.subarray(2, 4)),
      record(3, apart, answer.subarray(2, 4)),
    ]);
    const seen: string[] = [];
    const look = (bytes: Buffer): boolean => seen.push(bytes.toString("latin1", 0, 2)) < 2;
    assert.deepEqual(
      [0, 1, 2].map((at) => packed.hasNoKeyBut(at, look)),
      [true, true, false],
    );
    assert.deepEqual(seen, ["k1", "AA"]);
  });

  const taken = (give?: (packed: PackedRecords) => void): { packed: PackedRecords; bytes: Buffer } => {
    const bytes = answerMemory(1 << 20);
    bytes.write("k1v1");
    const packed = new PackedRecords();
    packed.take(bytes, 5, 1, 0, 2, 2, 2, undefined, 9);
    give?.(packed);
    return { packed, bytes };
  };

  it("give an answer back when they are released, and can't be read any more", () => {
    const { packed, bytes } = taken((one) => assert.equal(one.sizeOf(0), 2));
    packed.release();
    packed.release();
    assert.equal(bytes.length, 0);
    for (const read of [
      () => packed.bytes(0),
      () => packed.value(0),
      () => packed.key(0),
      () => packed.offset(0),
      () => packed.all(),
    ])
      assert.throws(read, /after their bytes were given back|not any more/);
  });

  it("leave an answer to those who were given a key, a value or a header of it", () => {
    const ways: Record<string, (packed: PackedRecords) => unknown> = {
      value: (one) => one.value(0),
      key: (one) => one.key(0),
      record: (one) => one.at(0),
      all: (one) => one.all(),
      header: (one) => {
        const more = leaseOf(one.bytes(0))!;
        more.hold();
        one.take(one.bytes(0), 6, 1, 0, -1, 2, 2, { unit: one.bytes(0).subarray(0, 2) }, 9);
        more.release();
      },
    };
    for (const [name, way] of Object.entries(ways)) {
      const { packed, bytes } = taken(way);
      packed.release();
      assert.equal(bytes.toString("latin1", 0, 4), "k1v1", name);
    }
  });

  it("hold each of the answers that they came with", () => {
    const [first, second] = [taken(), taken()];
    second.packed.release();
    const third = answerMemory(1 << 20);
    third.write("v3");
    first.packed.take(third, 6, 1, 0, -1, 0, 2, undefined, 9);
    assert.deepEqual(
      [0, 1].map((at) => first.packed.bytes(at).toString("latin1", first.packed.from(at), first.packed.from(at) + 2)),
      ["v1", "v3"],
    );
    first.packed.release();
    assert.deepEqual([first.bytes.length, third.length], [0, 0]);
  });

  it("are not mistaken for those whose arrays they have got", () => {
    const before = new PackedRecords(Array.from({ length: 20 }, (_, n) => record(n, null, answer.subarray(2, 4))));
    before.release();
    const next = new PackedRecords([record(9, null, null)], 20);
    assert.deepEqual([next.length, next.offset(0), next.sizeOf(0)], [1, 9, -1]);
    assert.throws(() => before.offset(0), /not any more/);
  });

  it("may be none", () => {
    assert.deepEqual(new PackedRecords([]).all(), []);
  });
});
