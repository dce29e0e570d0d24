import assert from "node:assert/strict";
import * as fc from "fast-check";
import { baselineOf, learn, spreadOf, type Baseline } from "../../../../nodes/lib/stream/anomaly/baseline";

const readings = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 200 });
const learned = (values: readonly number[], memory?: number): Baseline =>
  values.reduce<Baseline | undefined>((known, value) => learn(known, value, memory), undefined) as Baseline;
const near = (a: number, b: number, scale: number): void =>
  assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, scale), `${a} is not ${b}`);

describe("a baseline", () => {
  it("learned one by one is what two passes over all readings give", () => {
    fc.assert(
      fc.property(readings, (values) => {
        const one = learned(values);
        const all = baselineOf(values);
        const scale = Math.max(...values.map(Math.abs));
        near(one.mean, all.mean, scale);
        near(one.variance, all.variance, scale * scale);
        assert.equal(one.n, values.length);
      }),
    );
  });

  it("with a memory lets older readings fade by 1 − 1/memory each", () => {
    const memory = 20;
    const before = Array.from({ length: 40 }, () => 10);
    const { mean } = learned([...before, ...Array.from({ length: 5 }, () => 20)], memory);
    near(mean, 20 - 10 * (1 - 1 / memory) ** 5, 20);
  });

  it("has the sample's standard deviation, and never less than the sensor's resolution", () => {
    near(spreadOf(learned([2, 4, 4, 4, 5, 5, 7, 9]), 0), Math.sqrt(32 / 7), 1);
    assert.equal(spreadOf(learned([5, 5, 5]), 0.5), 0.5);
    assert.equal(spreadOf(learned([5, 5, 5]), undefined), 0.005);
    assert.ok(spreadOf(learned([0, 0]), undefined) > 0);
  });
});
