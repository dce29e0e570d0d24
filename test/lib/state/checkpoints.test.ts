/** When checkpoints are written: at the latest after their interval, sooner where many messages wait, never so that a disk does nothing else. */
import assert from "node:assert/strict";
import type { Message } from "../../../nodes/lib/delivery/contract";
import { Checkpoints } from "../../../nodes/lib/state/checkpoints";
import { until } from "../../harness";
import { Retaining } from "./retaining";

/** The messages that do not wait for the interval. */
const MANY = 100;
/** A timer may fire this much before its time, ms. */
const EARLY = 2;

describe("checkpoints", () => {
  let retaining = new Retaining();
  /** When each was begun and had ended, by `performance.now()`. */
  let written: { begun: number; ended: number }[] = [];
  let open: Checkpoints | undefined;

  const make = (interval: number, disk: () => Promise<unknown> = async () => undefined): Checkpoints =>
    (open = new Checkpoints(
      interval,
      { retain: (message, hold) => retaining.retain(message, hold), trouble: (error) => assert.ifError(error) },
      async () => {
        const begun = performance.now();
        await disk();
        written.push({ begun, ended: performance.now() });
      },
    ));
  const retain = (checkpoints: Checkpoints, count: number): Message[] => {
    const messages = Array.from({ length: count }, (_, n): Message => ({ payload: n }));
    for (const message of messages) assert.equal(checkpoints.retain(message, { now: false, counts: false }), undefined);
    return messages;
  };
  const finished = (messages: readonly Message[]): Promise<unknown> =>
    Promise.all(messages.map(async (message) => retaining.finished(message)));

  beforeEach(() => {
    retaining = new Retaining();
    written = [];
  });
  afterEach(() => open?.close(undefined, () => false).catch(() => undefined));

  it("are written at the end of their interval where few messages wait", async () => {
    const began = performance.now();
    await finished(retain(make(80), MANY - 1));
    assert.equal(written.length, 1);
    assert.ok((written[0]?.begun ?? 0) - began >= 80 - EARLY, "the interval was over");
  });

  it("are written before it is over where many wait", async () => {
    const checkpoints = make(3_600_000);
    await finished(retain(checkpoints, MANY));
    assert.equal(written.length, 1);
  });

  it("leave a tenth of their interval between each other however many wait", async () => {
    const checkpoints = make(1000);
    await finished(retain(checkpoints, MANY));
    await finished(retain(checkpoints, 5 * MANY));
    await until("the second is over", async () => written.length === 2);
    const [first, second] = written;
    assert.ok((second?.begun ?? 0) - (first?.ended ?? 0) >= 100 - EARLY, "a tenth of the interval had passed");
    assert.ok((second?.begun ?? 0) - (first?.ended ?? 0) < 1000 - EARLY, "but not all of it");
  });

  it("leave a slow disk nine tenths of the time", async () => {
    const checkpoints = make(1000, () => {
      const begun = performance.now();
      return until("the disk has taken its time", () => performance.now() - begun >= 30);
    });
    await finished(retain(checkpoints, MANY));
    await finished(retain(checkpoints, MANY));
    const [first, second] = written;
    const took = (first?.ended ?? 0) - (first?.begun ?? 0);
    assert.ok(took >= 30 - EARLY);
    assert.ok((second?.begun ?? 0) - (first?.ended ?? 0) >= Math.min(1000, 10 * took) - EARLY, "it had rested");
  });

  it("are written at once where somebody can't wait", async () => {
    const checkpoints = make(3_600_000);
    const messages = retain(checkpoints, 1);
    retaining.holds[0]?.relieve?.();
    await finished(messages);
    assert.equal(written.length, 1);
  });
});
