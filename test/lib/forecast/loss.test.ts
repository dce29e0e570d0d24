import assert from "node:assert/strict";
import { lossOf, quantileLoss, type Loss } from "../../../nodes/lib/forecast/loss";
import { initialWeights, randomNumbers } from "../../../nodes/lib/forecast/random";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { train, type Samples } from "../../../nodes/lib/forecast/training";
import { simple } from "./architectures";

const ERRORS = [-3.5, -1.2, -0.4, 0.3, 0.9, 2.5];
const H = 1e-6;

describe("losses", () => {
  for (const loss of ["mse", "mae", "huber"] as const satisfies readonly Loss[]) {
    it(`${loss} has the slope that central differences show`, () => {
      for (const error of ERRORS) {
        const wanted = (lossOf(loss, error + H)[0] - lossOf(loss, error - H)[0]) / (2 * H);
        assert.ok(Math.abs(lossOf(loss, error)[1] - wanted) < 1e-6, `at ${error}`);
      }
    });
  }

  it("quantile loss has the slope that central differences show, and is least at the quantile", () => {
    for (const q of [0.05, 0.5, 0.9]) {
      for (const error of ERRORS) {
        const wanted = (quantileLoss(q, error + H)[0] - quantileLoss(q, error - H)[0]) / (2 * H);
        assert.ok(Math.abs(quantileLoss(q, error)[1] - wanted) < 1e-6, `at ${error}`);
      }
      const truths = Array.from({ length: 999 }, (_, i) => (i + 1) / 1_000);
      const sum = (value: number): number =>
        truths.reduce((total, truth) => total + quantileLoss(q, value - truth)[0], 0);
      const candidates = truths.map((value) => ({ value, loss: sum(value) }));
      const best = candidates.reduce((least, one) => (one.loss < least.loss ? one : least));
      assert.ok(Math.abs(best.value - q) < 2e-3, `${best.value} instead of ${q}`);
    }
  });

  it("a network trained for quantiles learns them where the spread depends on the window", () => {
    const make = (count: number, seed: number): Samples => {
      const random = randomNumbers(seed);
      const series = Float32Array.from({ length: (count + 4) * 2 }, () => 2 * random() - 1);
      const targets = Array.from({ length: count }, (_, i) => {
        const wide = 1 + (series[(i + 3) * 2] as number);
        return Array<number>(2).fill(wide * (2 * random() - 1));
      });
      return {
        series,
        starts: Int32Array.from({ length: count }, (_, i) => i),
        targets: Float32Array.from(targets.flat()),
      };
    };
    const architecture = simple(4, 2, 8, 2);
    const [training, validation] = [make(4_000, 1), make(1_000, 2)];
    const { weights } = train(architecture, initialWeights(architecture, 1), training, validation, {
      epochs: 25,
      batch: 64,
      rate: 1e-2,
      patience: 25,
      seed: 1,
      loss: "mse",
      quantiles: [0.1, 0.9],
      clip: 5,
      average: 0.99,
    });
    const windows = validation.series.subarray(0, 1_000 * 2 + 6);
    const inputs = Float32Array.from(
      { length: 1_000 * 8 },
      (_, i) => windows[Math.floor(i / 8) * 2 + (i % 8)] as number,
    );
    const answers = openRunner(architecture, weights).run(inputs, 1_000);
    for (const [o, q] of [0.1, 0.9].entries()) {
      for (const half of [-1, 1]) {
        const chosen = [...validation.starts].filter(
          (i) => Math.sign(validation.series[(i + 3) * 2] as number) === half,
        );
        const below = chosen.filter((i) => (validation.targets[i * 2 + o] as number) < (answers[i * 2 + o] as number));
        const share = below.length / chosen.length;
        assert.ok(
          Math.abs(share - q) < 0.06,
          `${share} below ${q} where the spread is ${half > 0 ? "wide" : "narrow"}`,
        );
      }
    }
  });
});
