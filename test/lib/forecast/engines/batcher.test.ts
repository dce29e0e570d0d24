import assert from "node:assert/strict";
import { openBatcher, type BatchOptions } from "../../../../nodes/lib/forecast/engines/batcher";
import { answered, unanswered, type Origin } from "../../../../nodes/lib/forecast/engines/port";
import { circuitBreaker } from "../../../../nodes/lib/forecast/server/breaker";

const shape = { steps: 1, inputs: 2, outputs: 1 };
const origin: Origin = { engine: "kserve" };
/** A window's answer is the sum of its numbers. */
const sums = (inputs: Float32Array): Float32Array =>
  Float32Array.from({ length: inputs.length / 2 }, (_, i) => (inputs[2 * i] as number) + (inputs[2 * i + 1] as number));

describe("batches of windows", () => {
  /** A batcher, and the sizes of the batches it made. */
  const opened = (changes: Partial<BatchOptions> = {}) => {
    const batches: number[] = [];
    const batcher = openBatcher({
      shape,
      size: 4,
      delay: 0,
      parallel: 1,
      run: (inputs, count) => {
        batches.push(count);
        return Promise.resolve(answered(sums(inputs), count, origin));
      },
      ...changes,
    });
    return { batcher, batches };
  };
  const window = (value: number): Float32Array => Float32Array.of(value, 1);

  it("take what is asked for in one moment, no more than their size, and part what is larger", async () => {
    const { batcher, batches } = opened();
    const large = Float32Array.from({ length: 18 }, (_, i) => i);
    const answers = await Promise.all([
      batcher.predict(window(1), 1),
      batcher.predict(window(2), 1),
      batcher.predict(large, 9),
      batcher.predict(window(3), 1),
    ]);
    assert.deepEqual(batches, [4, 4, 4]);
    assert.deepEqual(
      answers.map(({ values }) => [...values]),
      [[2], [3], [1, 5, 9, 13, 17, 21, 25, 29, 33], [4]],
    );
    assert.deepEqual(
      answers[2]?.origins,
      Array.from({ length: 9 }, () => origin),
    );
  });

  it("wait for others as long as is set, but not once they are full", async () => {
    const patient = opened({ delay: 100_000 });
    await Promise.all([1, 2, 3, 4].map((value) => patient.batcher.predict(window(value), 1)));
    assert.deepEqual(patient.batches, [4]);
    const { batcher, batches } = opened({ delay: 60 });
    const began = performance.now();
    const first = batcher.predict(window(1), 1);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, batcher.predict(window(2), 1)]);
    assert.deepEqual(batches, [2]);
    assert.ok(performance.now() - began >= 55);
  });

  it("answer in the order in which they were asked, whichever is computed first", async () => {
    const ends: (() => void)[] = [];
    const { batcher } = opened({
      size: 1,
      parallel: 3,
      run: (inputs, count) => new Promise((resolve) => ends.push(() => resolve(answered(sums(inputs), count, origin)))),
    });
    const order: number[] = [];
    const asked = [1, 2, 3, 4].map(async (value) => {
      await batcher.predict(window(value), 1);
      order.push(value);
    });
    assert.equal(ends.length, 3, "three at a time");
    ends[2]?.();
    ends[1]?.();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(order, []);
    ends[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    ends[3]?.();
    await Promise.all(asked);
    assert.deepEqual(order, [1, 2, 3, 4]);
  });

  it("fail for the windows of the batch that failed, not for others of the same request", async () => {
    let n = 0;
    const { batcher } = opened({
      size: 2,
      run: (inputs, count) =>
        ++n === 2
          ? Promise.reject(new Error("torn"))
          : Promise.resolve(n === 3 ? unanswered(count, new Error("none")) : answered(sums(inputs), count, origin)),
    });
    const { origins, values } = await batcher.predict(new Float32Array(12).fill(1), 6);
    assert.deepEqual(
      origins.map((one) => (one instanceof Error ? one.message : one.engine)),
      ["kserve", "kserve", "torn", "torn", "none", "none"],
    );
    assert.deepEqual([...values.subarray(0, 2)], [2, 2]);
  });

  it("reject an answer that is no number, and a question of the wrong size", async () => {
    const { batcher } = opened();
    const [good, bad] = (await batcher.predict(Float32Array.of(1, 2, Number.NaN, 1), 2)).origins;
    assert.deepEqual(good, origin);
    assert.match((bad as Error).message, /the model answered NaN \(engine kserve\), which is no forecast/);
    assert.equal((bad as Error).name, "Rejected");
    const { origins } = await batcher.predict(new Float32Array(3), 2);
    assert.match((origins[1] as Error).message, /2 windows are 4 numbers, not 3/);
  });

  it("are drained at once when they are told to, whatever they wait for", async () => {
    const { batcher, batches } = opened({ delay: 10_000 });
    const asked = batcher.predict(window(1), 1);
    await batcher.drained();
    assert.deepEqual(batches, [1]);
    assert.deepEqual([...(await asked).values], [2]);
  });
});

describe("the circuit breaker of a model server", () => {
  it("opens after failures in a row, lets one request try after the pause, and closes when that succeeds", () => {
    let time = 0;
    const breaker = circuitBreaker(3, 1_000, () => time);
    const fail = (): void => breaker.failed(new Error("no answer"));
    fail();
    fail();
    breaker.succeeded();
    fail();
    fail();
    assert.equal(breaker.refusal(), undefined);
    fail();
    const refusal = breaker.refusal();
    assert.equal(refusal?.message, "no answer (tried again in 1 s)");
    assert.equal(refusal?.unreachable, true);
    time = 1_000;
    assert.equal(breaker.refusal(), undefined, "one may try");
    assert.match(breaker.refusal()?.message ?? "", /tried again by one request/);
    fail();
    assert.match(breaker.refusal()?.message ?? "", /in 1 s/, "one failure of the trial is enough");
    time = 2_000;
    assert.equal(breaker.refusal(), undefined);
    breaker.left();
    assert.equal(breaker.refusal(), undefined, "who left without an answer holds nobody up");
    breaker.succeeded();
    fail();
    assert.equal(breaker.refusal(), undefined);
  });

  it("never opens when it is set to 0", () => {
    const breaker = circuitBreaker(0, 1_000);
    for (let i = 0; i < 100; i++) breaker.failed(new Error("no"));
    assert.equal(breaker.refusal(), undefined);
  });
});
