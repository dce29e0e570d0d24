import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Waiting } from "../../nodes/lib/waiting";
import { until } from "../harness";

describe("a source's waiting", () => {
  let pressed: number;
  let stop: AbortController;
  let waiting: Waiting;
  beforeEach(() => {
    pressed = 0;
    stop = new AbortController();
    waiting = new Waiting(stop.signal, () => void pressed++);
  });

  it("presses nobody while what was emitted is on its way through some nodes", async () => {
    let hops = 3;
    const room = waiting.room(() => hops === 0);
    for (; hops > 0; hops--) await nextTurn();
    await room;
    assert.equal(pressed, 0);
  });

  it("presses when room does not come by itself, once for all that is heard meanwhile", async () => {
    let hasRoom = false;
    const room = waiting.room(() => hasRoom);
    await until("it presses", () => {
      waiting.wake();
      return pressed > 0;
    });
    for (let heard = 0; heard < 100; heard++) {
      waiting.wake();
      await nextTurn();
    }
    assert.equal(pressed, 1);
    hasRoom = true;
    waiting.wake();
    await room;
  });

  it("waits for an end without pressing, and says whether it waits", async () => {
    let isOver = false;
    const end = waiting.until(() => isOver);
    assert.equal(waiting.waits, true);
    isOver = true;
    waiting.wake();
    await end;
    assert.deepEqual([waiting.waits, pressed], [false, 0]);
  });

  it("ends when it is told to", async () => {
    const all = [waiting.room(() => false), waiting.until(() => false)].map((one) => assert.rejects(one, /closed/u));
    await until("both wait", () => waiting.waits);
    stop.abort(new Error("closed"));
    waiting.wake();
    await Promise.all(all);
  });
});
