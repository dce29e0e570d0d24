import assert from "node:assert/strict";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { testModel } from "./models";

describe("runner", () => {
  const { architecture, weights } = testModel();

  it("gives one window and a thousand the same bits", () => {
    const runner = openRunner(architecture, weights);
    const windows = Float32Array.from({ length: 1001 * 8 }, (_, i) => Math.sin(i));
    const together = runner.run(windows, 1001);
    for (const i of [0, 1, 62, 63, 64, 500, 1000]) {
      assert.deepEqual(runner.run(windows.slice(i * 8, (i + 1) * 8), 1), together.slice(i * 2, (i + 1) * 2));
    }
  });

  it("gives without WebAssembly the same bits", () => {
    const windows = Float32Array.from({ length: 9 * 8 }, (_, i) => 3 * Math.sin(i));
    const [wasm, plain] = (["simd", "plain"] as const).map((kind) =>
      openRunner(architecture, weights, kind).run(windows, 9),
    );
    assert.deepEqual(plain, wasm);
  });

  it("refuses inputs that are not finite and shapes that do not fit, naming the place", () => {
    const runner = openRunner(architecture, weights);
    const windows = new Float32Array(16);
    windows[13] = Number.NaN;
    assert.throws(() => runner.run(windows, 2), /Window 1, step 2, input 1 is NaN/);
    windows[13] = Infinity;
    assert.throws(() => runner.run(windows, 2), /Window 1, step 2, input 1 is Infinity/);
    assert.throws(() => runner.run(windows, 3), /3 windows of \[4 × 2\] are 24 numbers, not 16/);
  });

  it("stays finite where the sums are as large as numbers go", () => {
    const answers = openRunner(architecture, weights).run(new Float32Array(8).fill(3e37), 1);
    assert.ok(answers.every(Number.isFinite), [...answers].join());
  });
});
