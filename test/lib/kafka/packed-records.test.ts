/** Records that wait in a flow, packed. */
import assert from "node:assert/strict";
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

  it("may be none", () => {
    assert.deepEqual(new PackedRecords([]).all(), []);
  });
});
