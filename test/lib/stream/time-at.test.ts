import assert from "node:assert/strict";
import { isTimestamp, timeAt } from "../../../nodes/lib/stream/time-at";

describe("a time at a path", () => {
  it("is ms in msg.timestamp, however small, and ms, seconds or text elsewhere", () => {
    for (const path of ["timestamp", "msg.timestamp", " timestamp "]) {
      assert.ok(isTimestamp(path));
      assert.deepEqual([1000, "2026-05-01T00:00:00Z"].map(timeAt(path)), [1000, Date.UTC(2026, 4, 1)]);
    }
    assert.ok(!isTimestamp("payload.timestamp"));
    assert.deepEqual([1000, 1.7e12].map(timeAt("payload.timestamp")), [1_000_000, 1.7e12]);
  });

  it("is none where nothing can be read, or no Date could hold it", () => {
    for (const path of ["timestamp", "payload.time"])
      for (const found of [undefined, null, "yesterday", NaN, 1e17]) assert.ok(Number.isNaN(timeAt(path)(found)));
  });
});
