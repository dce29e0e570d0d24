/** What waits in memory, within bounds. */
import assert from "node:assert/strict";
import { Held } from "../../nodes/lib/held";

const never = new AbortController().signal;

describe("room in memory", () => {
  it("is there while less is held than may be, and something flows", async () => {
    let flows = true;
    const held = new Held(10, () => flows);
    held.add(9, 1);
    assert.equal(await held.room(0, never), true);
    flows = false;
    assert.equal(await held.room(0, never), false);
    flows = true;
    held.add(1, 1);
    assert.equal(await held.room(0, never), false);
  });

  it("is waited for as long as something leaves, and not longer than the limit after that", async () => {
    const held = new Held(10);
    held.add(20, 20);
    const begun = performance.now();
    const leaving = setInterval(() => held.free(1, 1), 150);
    const found = await held.room(1000, never);
    const took = performance.now() - begun;
    clearInterval(leaving);
    assert.equal(found, true);
    assert.ok(took > 1100, `room after ${took} ms, with 11 of 20 gone`);
    held.add(10, 1);
    assert.equal(await held.room(50, never), false);
  });

  it("is no longer waited for when the end comes", async () => {
    const held = new Held(10);
    held.add(10, 1);
    const end = new AbortController();
    const waits = held.room(60_000, end.signal);
    end.abort();
    assert.equal(await waits, false);
  });
});
