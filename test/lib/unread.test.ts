/** Batches that nobody has read yet. */
import assert from "node:assert/strict";
import { util } from "@node-red/util";
import { batchOf, countOf } from "../../nodes/lib/batch";
import type { Message } from "../../nodes/lib/delivery/contract";
import { PackedRecords } from "../../nodes/lib/kafka/packed-records";
import { unreadOf, unreadPayload, type UnreadBatch } from "../../nodes/lib/unread";

const source = { kind: "kafka", topic: "air", partition: 0, epoch: 1, group: "g" } as const;
const batch: UnreadBatch = { source, records: new PackedRecords([]) };
const elements = (): Message[] => [{ payload: { pm25: 1 } }, { payload: { pm25: 2 } }];

describe("a batch that nobody has read", () => {
  let decoded: number;
  let read: number;
  let message: Message;
  beforeEach(() => {
    [decoded, read] = [0, 0];
    message = { topic: "t", source };
    unreadPayload(
      message,
      batch,
      () => {
        decoded++;
        return elements();
      },
      () => read++,
    );
  });

  it("gives its records as they came, and is counted, while its payload is not decoded", () => {
    assert.equal(unreadOf(message), batch);
    assert.equal(countOf(message), 0);
    assert.equal(decoded, 0);
  });

  it("is an ordinary batch to whoever reads its payload, decoded once", () => {
    assert.deepEqual(batchOf(message), elements());
    (message.payload as Message[])[0]!["mine"] = true;
    assert.deepEqual((message.payload as Message[])[0], { payload: { pm25: 1 }, mine: true });
    assert.deepEqual([decoded, read, unreadOf(message)], [1, 1, undefined]);
  });

  it("is decoded by every way to copy a message, or to write it down", () => {
    const plain = { topic: "t", source, payload: elements() };
    const ways: Record<string, (message: Message) => unknown> = {
      spread: (one) => ({ ...one }),
      assign: (one) => Object.assign({}, one),
      clone: (one) => util.cloneMessage(one as never),
      structured: (one) => structuredClone(one),
      json: (one) => JSON.parse(JSON.stringify(one)) as unknown,
    };
    for (const [name, way] of Object.entries(ways)) {
      const one: Message = { topic: "t", source };
      unreadPayload(one, batch, elements, () => undefined);
      assert.deepEqual(way(one), plain, name);
      assert.equal(unreadOf(one), undefined, name);
    }
  });

  it("is read no more once somebody has given it another payload, or taken the payload away", () => {
    message.payload = "mine";
    assert.deepEqual([message.payload, unreadOf(message), decoded], ["mine", undefined, 0]);
    const other: Message = {};
    unreadPayload(other, batch, elements, () => undefined);
    delete other.payload;
    assert.deepEqual([unreadOf(other), Object.keys(other)], [undefined, []]);
  });
});
