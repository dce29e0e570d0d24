import assert from "node:assert/strict";
import { append, groupOf, halve, makeLane, readyAt, settle, type Entry } from "../../../nodes/lib/kafka/produce-queue";
import type { Outcome } from "../../../nodes/lib/kafka/port";

const entries = (
  count: number,
  bytes: number,
  resolve: (outcomes: readonly Outcome[]) => void = () => undefined,
): Entry[] =>
  groupOf(
    Array.from({ length: count }, () => ({ topic: "t", key: null, value: Buffer.alloc(bytes) })),
    resolve,
  );

describe("the producer's queue", () => {
  it("closes a batch when the next record would make it too large", () => {
    const lane = makeLane("t", 0, 1);
    for (const entry of entries(5, 380)) append(lane, entry, 1000, 0);
    assert.deepEqual(
      lane.batches.map((batch) => [batch.entries.length, batch.sealed]),
      [
        [2, true],
        [2, true],
        [1, false],
      ],
    );
  });

  it("lets an open batch wait for the linger time, a closed one not at all, and none while one is in flight", () => {
    const lane = makeLane("t", 0, 1);
    assert.equal(readyAt(lane, 5), Infinity);
    for (const entry of entries(1, 100)) append(lane, entry, 1000, 100);
    assert.equal(readyAt(lane, 5), 105);
    for (const entry of entries(1, 2000)) append(lane, entry, 1000, 100);
    assert.equal(readyAt(lane, 5), 0);
    lane.notBefore = 500;
    assert.equal(readyAt(lane, 5), 500);
    lane.inFlight = true;
    assert.equal(readyAt(lane, 5), Infinity);
  });

  it("halves a refused batch in order", () => {
    const lane = makeLane("t", 0, 1);
    for (const entry of entries(5, 10)) append(lane, entry, 1000, 0);
    halve(lane);
    assert.deepEqual(
      lane.batches.map((batch) => batch.entries.map(({ index }) => index)),
      [
        [0, 1],
        [2, 3, 4],
      ],
    );
    assert.ok(lane.batches.every(({ sealed, encoded }) => sealed && encoded === undefined));
  });

  it("resolves a group once, with the outcomes in the order in which the records were given", () => {
    const resolved: (readonly Outcome[])[] = [];
    const [first, second] = entries(2, 1, (outcomes) => resolved.push(outcomes));
    assert.ok(first && second);
    settle(second, { partition: 0, offset: 8 });
    assert.equal(resolved.length, 0);
    const error = new Error("no");
    settle(first, error);
    assert.deepEqual(resolved, [[error, { partition: 0, offset: 8 }]]);
  });
});
