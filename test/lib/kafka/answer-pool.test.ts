/** Memory of Kafka's answers that is used again. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { answerMemory, leaseOf, type AnswerLease } from "../../../nodes/lib/kafka/answer-pool";

const MEGABYTE = 1 << 20;
const leased = (size = 2 * MEGABYTE): { answer: Buffer; lease: AnswerLease } => {
  const answer = answerMemory(size);
  const lease = leaseOf(answer);
  assert.ok(lease, "an answer has a lease");
  return { answer, lease };
};

describe("memory of answers", () => {
  it("is as large as the answer, of which every window knows the lease, and other memory has none", () => {
    const { answer, lease } = leased(3_000_001);
    assert.equal(answer.length, 3_000_001);
    assert.equal(leaseOf(answer.subarray(7, 9)), lease);
    assert.equal(leaseOf(Buffer.alloc(9)), undefined);
  });

  it("is used again when the last holder has let go, and windows that are left into it are empty", () => {
    const { answer, lease } = leased();
    answer.fill("old");
    const window = answer.subarray(100, 200);
    lease.hold();
    lease.hold();
    lease.release();
    assert.equal(window.length, 100);
    lease.release();
    assert.deepEqual([window.length, window[0]], [0, undefined]);
    const { answer: next, lease: other } = leased();
    assert.equal(next.toString("latin1", 0, 6), "oldold", "it is the memory of the one before");
    next.fill("new");
    assert.deepEqual([window.length, window[0]], [0, undefined]);
    assert.notEqual(other, lease);
  });

  it("is nobody's to hold after that", () => {
    const { lease } = leased();
    lease.hold();
    lease.release();
    assert.throws(() => lease.hold(), /after its memory was given back/);
  });

  it("is left to whoever has got windows into it", () => {
    const { answer, lease } = leased();
    answer.write("kept");
    lease.hold();
    lease.keep();
    lease.release();
    assert.equal(answer.toString("utf8", 0, 4), "kept");
    for (let n = 0; n < 10; n++) leased().answer.fill("x");
    assert.equal(answer.toString("utf8", 0, 4), "kept");
  });

  it("is made anew for an answer that is larger, or that needs little of it", () => {
    const { answer, lease } = leased();
    answer.fill("old");
    lease.hold();
    lease.release();
    for (const size of [9 * MEGABYTE, 1000])
      assert.notEqual(answerMemory(size).toString("latin1", 0, 3), "old", `${size} bytes`);
    assert.equal(answerMemory(2 * MEGABYTE).toString("latin1", 0, 3), "old");
  });

  /** Whole collections of a process that gives answers of 2 MB back, by V8's own log. */
  const collections = async (answers: number): Promise<number> => {
    const script = `
      const { answerMemory, leaseOf } = require(${JSON.stringify(require.resolve("../../../nodes/lib/kafka/answer-pool"))});
      let left = ${answers};
      const next = () => {
        if (left-- === 0) return;
        const lease = leaseOf(answerMemory(2 << 20));
        lease.hold();
        lease.release();
        setImmediate(next);
      };
      next();`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--trace-gc", "-e", script]);
    return stdout.match(/Mark-Compact/gu)?.length ?? 0;
  };

  it("that comes back lets V8 collect now and then, which sees no more of it grow", async () => {
    assert.equal(await collections(60), 0);
    assert.ok((await collections(400)) >= 2);
  });
});
