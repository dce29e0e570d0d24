import assert from "node:assert/strict";
import { answerMemory } from "../../../nodes/lib/kafka/answer-pool";
import { codecByName, codecNames, type CodecName } from "../../../nodes/lib/kafka/codecs";
import { crc32c } from "../../../nodes/lib/crc32c";
import { murmur2, partitionOfKey } from "../../../nodes/lib/kafka/partition";
import type { OutgoingRecord } from "../../../nodes/lib/kafka/port";
import {
  DamagedBatch,
  encodeBatch,
  openRecordSet,
  stampBatch,
  type AbortedTransaction,
  type RecordSet,
} from "../../../nodes/lib/kafka/record-batch";
import { ConfigError } from "../../../nodes/lib/errors";

const records: OutgoingRecord[] = [
  { topic: "t", key: Buffer.from("k"), value: Buffer.from("v"), timestamp: 1_700_000_000_000 },
  { topic: "t", key: null, value: null, timestamp: 1_700_000_000_005 },
  {
    topic: "t",
    key: Buffer.alloc(300, "k"),
    value: Buffer.alloc(70_000, "v"),
    // Earlier than the first by more than 2^31 ms.
    timestamp: 1_300_000_000_000,
    headers: [
      ["a", Buffer.from("1")],
      ["a", Buffer.from("2")],
      ["__proto__", Buffer.from("3")],
      ["none", null],
    ],
  },
];
const decodeRecordSet = async (bytes: Buffer, from: number, aborted: AbortedTransaction[] = []) => {
  const set = await openRecordSet(bytes, aborted);
  return { nextOffset: set.nextOffset, records: set.read(Infinity, from) };
};
const seal = (batch: Buffer): void => void batch.writeUInt32BE(crc32c(batch, 21), 17);
const stamped = async (codec: CodecName = "none", some = records): Promise<Buffer> => {
  const batch = await encodeBatch(some, 0, codecByName(codec));
  stampBatch(batch, { producerId: 7n, producerEpoch: 1, sequence: 3 });
  return batch;
};

describe("record batches", () => {
  for (const codec of codecNames)
    it(`come back as they were written, with compression ${codec}`, async () => {
      const decoded = await decodeRecordSet(await stamped(codec), 0);
      assert.equal(decoded.nextOffset, 3);
      assert.deepEqual(
        decoded.records.map(({ offset, timestamp, key, value }) => [offset, timestamp, key, value]),
        records.map(({ timestamp, key, value }, offset) => [offset, timestamp, key, value]),
      );
      const headers = decoded.records[2]?.headers ?? {};
      assert.deepEqual(headers["a"], [Buffer.from("1"), Buffer.from("2")]);
      assert.deepEqual(Object.getOwnPropertyDescriptor(headers, "__proto__")?.value, Buffer.from("3"));
      assert.equal(headers["none"], null);
      const packed = (await openRecordSet(await stamped(codec))).readPacked(Infinity);
      assert.deepEqual(packed.all(), decoded.records);
    });

  it("are cut at the offset that was asked for, and a cut-off last batch is left for the next fetch", async () => {
    const batch = await stamped();
    const second = await stamped();
    second.writeBigInt64BE(3n, 0);
    const decoded = await decodeRecordSet(Buffer.concat([batch, second.subarray(0, second.length - 1)]), 1);
    assert.deepEqual(
      decoded.records.map(({ offset }) => offset),
      [1, 2],
    );
    assert.equal(decoded.nextOffset, 3);
  });

  it("of aborted transactions and control batches are not shown, and their offsets are passed over", async () => {
    const aborted = await stamped();
    aborted.writeInt16BE(16, 21);
    seal(aborted);
    const marker = await stamped();
    marker.writeBigInt64BE(3n, 0);
    marker.writeInt16BE(32 | 16, 21);
    seal(marker);
    const committed = await stamped();
    committed.writeBigInt64BE(6n, 0);
    committed.writeInt16BE(16, 21);
    seal(committed);
    const set = Buffer.concat([aborted, marker, committed]);
    const decoded = await decodeRecordSet(set, 0, [{ producerId: 7, firstOffset: 0 }]);
    assert.deepEqual(
      decoded.records.map(({ offset }) => offset),
      [6, 7, 8],
    );
    assert.equal(decoded.nextOffset, 9);
  });

  it("hold the answer that they came in until they are read out, and leave it to who has windows into it", async () => {
    const inAnswer = async (bytes: Buffer): Promise<{ answer: Buffer; set: RecordSet }> => {
      const answer = answerMemory(bytes.length);
      answer.set(bytes);
      return { answer, set: await openRecordSet(answer) };
    };
    const plain = await stamped("none", records.slice(0, 2));
    const damaged = Buffer.from(plain);
    damaged.writeInt8(~damaged.readInt8(70), 70);

    const { answer, set } = await inAnswer(plain);
    const packed = set.readPacked(1);
    packed.release();
    assert.equal(answer.length, plain.length, "a record is still to be read");
    const rest = set.readPacked(5);
    assert.deepEqual([rest.length, set.readPacked(5).length], [1, 0]);
    rest.release();
    assert.equal(answer.length, 0);

    const asObjects = await inAnswer(plain);
    const [first] = asObjects.set.read(Infinity);
    assert.deepEqual([asObjects.set.read(1), first?.value], [[], Buffer.from("v")]);

    const ofDamaged = await inAnswer(damaged);
    assert.throws(
      () => ofDamaged.set.readPacked(5),
      (error) => error instanceof DamagedBatch && error.bytes.equals(damaged),
    );
    assert.deepEqual([ofDamaged.set.readPacked(5).length, ofDamaged.answer.length], [0, damaged.length]);

    const compressed = await inAnswer(await stamped("gzip", records.slice(0, 2)));
    const unpacked = compressed.set.readPacked(5);
    assert.deepEqual([compressed.set.readPacked(5).length, compressed.answer.length], [0, 0], "it is read out");
    assert.deepEqual(unpacked.value(0), Buffer.from("v"));
  });

  it("say which codec is unknown", async () => {
    const batch = await stamped();
    batch.writeInt16BE(5, 21);
    seal(batch);
    await assert.rejects(
      decodeRecordSet(batch, 0),
      (error) =>
        error instanceof DamagedBatch &&
        error.cause instanceof ConfigError &&
        /codec number 5 is unknown/.test(error.message),
    );
  });

  it("that are damaged are refused once, with their bytes, and what is behind them is read", async () => {
    const at = async (offset: number): Promise<Buffer> => {
      const batch = await stamped();
      batch.writeBigInt64BE(BigInt(offset), 0);
      return batch;
    };
    const [first, flipped, long, last] = [await at(0), await at(3), await at(6), await at(9)];
    flipped[200] = (flipped[200] ?? 0) ^ 1;
    // Its checksum is right, but the second record says that it is longer than the batch.
    long.set([0xfe, 0xff, 0xff, 0x7f], 61 + 1 + (long[61] ?? 0) / 2);
    seal(long);
    const set = await openRecordSet(Buffer.concat([first, flipped, long, last]));
    // The second record says that its value is longer than itself.
    const lying = await at(12);
    lying[61 + 1 + (lying[61] ?? 0) / 2 + 10] = 40;
    seal(lying);
    const packed = await openRecordSet(lying);
    assert.deepEqual(
      packed
        .readPacked(100)
        .all()
        .map(({ offset }) => offset),
      [12],
    );
    assert.throws(() => packed.readPacked(100), /offsets 13 to 14 can't be read: .*offset 13 .*over its own end/u);
    const read = (): number[] => set.read(100, 1).map(({ offset }) => offset);
    const damage = (): DamagedBatch => {
      try {
        assert.fail(`read ${read().join()}`);
      } catch (error) {
        if (error instanceof DamagedBatch) return error;
        throw error;
      }
    };
    assert.equal(set.nextOffset, 12);
    assert.deepEqual(read(), [1, 2]);
    const bits = damage();
    assert.deepEqual([bits.offset, bits.nextOffset], [3, 6]);
    assert.ok(bits.bytes.equals(flipped));
    assert.match(bits.message, /offsets 3 to 5 can't be read: its checksum is wrong/);
    assert.deepEqual(read(), [6]);
    const overrun = damage();
    assert.deepEqual([overrun.offset, overrun.nextOffset], [7, 9]);
    assert.deepEqual(read(), [9, 10, 11]);
    assert.deepEqual(read(), []);
  });
});

describe("record batches that unpack to much", () => {
  const MB = 1024 * 1024;
  const packed = async (offset: number, size: number): Promise<Buffer> => {
    const value = Buffer.alloc(size);
    const batch = await encodeBatch([{ topic: "t", key: null, value, timestamp: 0 }], 0, codecByName("gzip"));
    batch.writeBigInt64BE(BigInt(offset), 0);
    seal(batch);
    return batch;
  };

  it("are left for the next fetch once enough of this one is unpacked", async () => {
    const one = await packed(0, MB);
    const all = Buffer.concat(
      Array.from({ length: 10 }, (_, offset) => {
        const copy = Buffer.from(one);
        copy.writeBigInt64BE(BigInt(offset), 0);
        return copy;
      }),
    );
    const budget = { left: 3.5 * MB };
    const set = await openRecordSet(all, [], budget);
    assert.deepEqual(
      set.read(Infinity).map(({ offset }) => offset),
      [0, 1, 2, 3],
    );
    assert.equal(set.nextOffset, 4);
    assert.ok(budget.left <= 0);
    assert.equal((await openRecordSet(all)).nextOffset, 10);
  });
});

describe("CRC-32C", () => {
  it("gives the check value of its definition, at every alignment", () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    for (let shift = 0; shift < 9; shift++) {
      const padded = Buffer.concat([Buffer.alloc(shift), Buffer.from("123456789"), Buffer.alloc(3)]);
      assert.equal(crc32c(padded, shift, shift + 9), 0xe3069283);
    }
  });
});

describe("the partition of a key", () => {
  it("is the Java client's (its own test values)", () => {
    const known: [string, number][] = [
      ["21", -973932308],
      ["foobar", -790332482],
      ["a-little-bit-long-string", -985981536],
      ["a-little-bit-longer-string", -1486304829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
      ["abc", 479470107],
    ];
    for (const [key, hash] of known) assert.equal(murmur2(Buffer.from(key)), hash, key);
    assert.equal(partitionOfKey(Buffer.from("foobar"), 10), (-790332482 & 0x7fffffff) % 10);
  });
});
