import assert from "node:assert/strict";
import { initialWeights, randomNumbers } from "../../../nodes/lib/forecast/random";
import { ensemble, residualNetwork, residualStart } from "../../../nodes/lib/forecast/residual";
import { openRunner } from "../../../nodes/lib/forecast/runner";

const size = { steps: 3, inputs: 2, outputs: 2 };

describe("networks beside a linear map", () => {
  for (const units of [[32], [5, 3]]) {
    it(`an ensemble answers with the mean of its networks of ${units.join(" and ")} units`, () => {
      const shape = { units, dropout: 0.5 };
      const architecture = residualNetwork(shape, size);
      const members = [1, 2, 3].map((seed) => initialWeights(architecture, seed));
      const window = Float32Array.of(0.1, -0.2, 0.3, 0.4, -0.5, 0.6);
      const each = members.map((weights) => openRunner(architecture, weights).run(window, 1));
      const whole = ensemble(
        members.map((weights) => ({ shape, weights })),
        size,
      );
      const answer = openRunner(whole.architecture, whole.weights).run(window, 1);
      for (const o of [0, 1]) {
        const mean = each.reduce((sum, one) => sum + (one[o] as number), 0) / 3;
        assert.ok(Math.abs((answer[o] as number) - mean) < 1e-6);
      }
    });
  }

  it("an output of an ensemble is the mean of those networks that have learnt it", () => {
    const shape = { units: [5], dropout: 0 };
    const architecture = residualNetwork(shape, size);
    const members = [[0], [1], [0, 1]].map((learnt, i) => ({
      shape,
      learnt,
      weights: initialWeights(architecture, i + 1),
    }));
    const window = Float32Array.of(0.1, -0.2, 0.3, 0.4, -0.5, 0.6);
    const [a, b, c] = members.map(({ weights }) => openRunner(architecture, weights).run(window, 1));
    const whole = ensemble(members, size);
    const answer = openRunner(whole.architecture, whole.weights).run(window, 1);
    assert.ok(a && b && c);
    for (const [o, one] of [a, b].entries()) {
      const mean = ((one[o] as number) + (c[o] as number)) / 2;
      assert.ok(Math.abs((answer[o] as number) - mean) < 1e-6, `output ${o}: ${answer[o]} instead of ${mean}`);
    }
  });

  it("stand side by side in different shapes: LSTM or dense layers, with a linear map or without", () => {
    const shapes = [
      { units: [5], dropout: 0.5 },
      { units: [4, 3], dropout: 0.5, layers: "dense" as const },
      { units: [4], dropout: 0.5, line: false },
      { units: [3], dropout: 0.5, layers: "dense" as const, line: false },
    ];
    const members = shapes.map((shape, i) => ({ shape, weights: initialWeights(residualNetwork(shape, size), i + 1) }));
    const window = Float32Array.of(0.1, -0.2, 0.3, 0.4, -0.5, 0.6);
    const meanOf = (some: typeof members): number[] => {
      const each = some.map(({ shape, weights }) => openRunner(residualNetwork(shape, size), weights).run(window, 1));
      return [0, 1].map((o) => each.reduce((sum, one) => sum + (one[o] as number), 0) / some.length);
    };
    for (const some of [members, members.slice(2)]) {
      const whole = ensemble(some, size);
      const answer = openRunner(whole.architecture, whole.weights).run(window, 1);
      for (const [o, mean] of meanOf(some).entries()) assert.ok(Math.abs((answer[o] as number) - mean) < 1e-6);
    }
    assert.ok(!ensemble(members.slice(2), size).weights.has("line/kernel"));
  });

  it("give inputs that they do not read no weight, whatever the layer", () => {
    for (const layers of ["lstm", "dense"] as const) {
      const architecture = residualNetwork({ units: [4], dropout: 0, layers, line: false }, size);
      const run = (reads?: readonly number[]): ((...window: number[]) => Float32Array) => {
        const runner = openRunner(architecture, residualStart(architecture, [], 1, reads));
        return (...window) => runner.run(Float32Array.from(window), 1);
      };
      const [all, second] = [run(), run([1])];
      assert.deepEqual(second(9, -0.2, 9, 0.4, 9, 0.6), second(0, -0.2, 0, 0.4, 0, 0.6));
      assert.notDeepEqual(all(9, -0.2, 9, 0.4, 9, 0.6), all(0, -0.2, 0, 0.4, 0, 0.6));
    }
  });

  it("start near the linear map, and forecast it where the LSTM says nothing", () => {
    const architecture = residualNetwork({ units: [4], dropout: 0 }, size);
    const random = randomNumbers(2);
    const linear = [0, 1].map(() => Float64Array.from({ length: 7 }, () => random()));
    const start = residualStart(architecture, linear, 1);
    start.get("rest/kernel")?.values.fill(0);
    const window = Float32Array.of(0.1, -0.2, 0.3, 0.4, -0.5, 0.6);
    const answer = openRunner(architecture, start).run(window, 1);
    for (const [o, weights] of linear.entries()) {
      const wanted = window.reduce((sum, value, i) => sum + value * (weights[i] as number), weights[6] as number);
      assert.ok(Math.abs((answer[o] as number) - wanted) < 1e-5, `${answer[o]} instead of ${wanted}`);
    }
  });
});
