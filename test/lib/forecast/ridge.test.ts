import assert from "node:assert/strict";
import { randomNumbers } from "../../../nodes/lib/forecast/random";
import { applyLinear, ridge } from "../../../nodes/lib/forecast/ridge";

describe("ridge regression", () => {
  it("finds the linear map that made the answers, and a penalty shrinks it", () => {
    const random = randomNumbers(5);
    const series = Float32Array.from({ length: 400 * 2 }, () => 2 * random() - 1);
    const starts = Int32Array.from({ length: 390 }, (_, i) => i);
    const truth = (start: number): number => 3 + 2 * (series[start * 2] as number) - (series[start * 2 + 5] as number);
    const samples = { series, starts, targets: Float32Array.from(starts, truth) };
    const [exact = [], shrunk = []] = ridge(samples, 6, 2, 1, [1e-9, 1e4]);
    const weights = [...(exact[0] ?? [])].map((v) => Math.round(v * 1e4) / 1e4 + 0);
    assert.deepEqual(weights, [2, 0, 0, 0, 0, -1, 3]);
    assert.ok(Math.abs(shrunk[0]?.[0] ?? 9) < 0.1);
    const answers = applyLinear(exact, samples, 2);
    assert.ok(answers.every((value, i) => Math.abs(value - truth(i)) < 1e-4));
  });

  it("can be ended on its way", () => {
    const samples = { series: new Float32Array(1000), starts: new Int32Array(500), targets: new Float32Array(500) };
    let turns = 0;
    const turn = (): void => {
      if (++turns === 3) throw new Error("ended");
    };
    assert.throws(() => ridge(samples, 4, 2, 1, [1], turn), /ended/);
  });
});
