import assert from "node:assert/strict";
import { Complaints } from "../../nodes/lib/complaints";
import { until } from "../harness";

describe("complaints", () => {
  it("are said each by itself as long as they are few, then as a count with the last of them", async () => {
    const told: string[] = [];
    const complaints = new Complaints((text) => told.push(text), 2, 50);
    const heeded = Array.from({ length: 100 }, (_, n) => complaints.heed(new Error(`record ${n}`))).filter(Boolean);
    assert.equal(heeded.length, 2);
    assert.deepEqual(told, []);
    await until("the others are counted", () => told.length === 1);
    assert.deepEqual(told, ["98 more records failed within 0.05 s, the last with: record 99"]);
    complaints.close();
  });

  it("are counted as long as they go on, and said each by itself again after a quiet time", async () => {
    const told: string[] = [];
    const complaints = new Complaints((text) => told.push(text), 1, 30);
    assert.ok(complaints.heed(new Error("first")));
    assert.ok(!complaints.heed(new Error("second")));
    await until("the first count", () => told.length === 1);
    assert.ok(!complaints.heed(new Error("third")));
    await until("the second count", () => told.length === 2);
    assert.deepEqual(told, ["one more record failed: second", "one more record failed: third"]);
    const since = performance.now();
    await until("a quiet time", () => performance.now() - since > 100);
    assert.ok(complaints.heed(new Error("fourth")));
    complaints.close();
  });

  it("are all told of when it is closed", () => {
    const told: string[] = [];
    const complaints = new Complaints((text) => told.push(text), 1);
    for (const text of ["first", "second", "third"]) complaints.heed(new Error(text));
    complaints.close();
    assert.deepEqual(told, ["2 more records failed within 10 s, the last with: third"]);
  });
});
