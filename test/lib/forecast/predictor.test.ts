import assert from "node:assert/strict";
import { INLINE, openPredictor } from "../../../nodes/lib/forecast/predictor";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { testModel } from "./models";

const model = testModel();
const windows = (count: number, from = 0): Float32Array =>
  Float32Array.from({ length: count * 8 }, (_, i) => Math.sin(from * 8 + i));
const expected = (count: number, from = 0): Float32Array =>
  openRunner(model.architecture, model.weights).run(windows(count, from), count);

describe("predictor", () => {
  it("answers requests of all sizes in the order in which they were asked", async () => {
    const predictor = openPredictor(model);
    const answered: number[] = [];
    const sizes = [1, 3, INLINE, 500, 1, 2, INLINE + 1, 1];
    await Promise.all(
      sizes.map(async (count, i) => {
        assert.deepEqual(await predictor.predict(windows(count, i * 1000), count), expected(count, i * 1000));
        answered.push(i);
      }),
    );
    assert.deepEqual(answered, [...sizes.keys()]);
    assert.equal(predictor.waiting, 0);
    await predictor.close();
  });

  it("goes on answering after a large batch, in order with what is asked meanwhile", async () => {
    const predictor = openPredictor(model);
    const large = predictor.predict(windows(5000), 5000);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    const order: string[] = [];
    const small = predictor.predict(windows(1, 7), 1).then((answers) => {
      order.push("small");
      return answers;
    });
    assert.equal(predictor.waiting, 5001);
    const answers = await large;
    order.push("large");
    assert.deepEqual(answers.slice(-4), expected(5000).slice(-4));
    assert.deepEqual(await small, expected(1, 7));
    assert.deepEqual(order, ["large", "small"]);
    await predictor.close();
  });

  it("refuses a request that is wrong and answers those beside it", async () => {
    const predictor = openPredictor(model);
    const bad = windows(1);
    bad[3] = Number.NaN;
    const [first, second, third, last] = await Promise.allSettled([
      predictor.predict(windows(1), 1),
      predictor.predict(bad, 1),
      predictor.predict(windows(1), 2),
      predictor.predict(windows(2), 2),
    ]);
    assert.deepEqual(first, { status: "fulfilled", value: expected(1) });
    assert.match(String((second as PromiseRejectedResult).reason), /Window 0, step 1, input 1 is NaN/);
    assert.match(String((third as PromiseRejectedResult).reason), /2 windows of \[4 × 2\] are 16 numbers, not 8/);
    assert.deepEqual(last, { status: "fulfilled", value: expected(2) });
    await predictor.close();
  });

  it("answers everything that was asked before it closes", async () => {
    const predictor = openPredictor(model);
    let answered = 0;
    for (const count of [1, 300, 2]) void predictor.predict(windows(count), count).then(() => answered++);
    await predictor.close();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(answered, 3);
  });
});
