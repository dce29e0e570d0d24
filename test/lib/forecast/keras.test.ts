import assert from "node:assert/strict";
import { join } from "node:path";
import type { EngineKind } from "../../../nodes/lib/forecast/engine";
import { readNetwork } from "../../../nodes/lib/forecast/model-file";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { difference, FIXTURES, fixtures, kerasAnswers } from "./parity";

/** Made by bench/forecast-references.py. */
describe("parity with Keras", () => {
  const names = fixtures();

  it("has twenty architectures", () => assert.equal(names.length, 20));

  for (const name of names) {
    for (const kind of [undefined, "simd", "plain"] as const) {
      it(`${name}, ${kind ?? "fastest here"}: answers equal Keras's to 1e-6`, () => {
        const worst = largestDifference(name, kind);
        assert.ok(worst <= 1e-6, `largest difference ${worst}`);
      });
    }
  }
});

function largestDifference(name: string, kind: EngineKind | undefined): number {
  const { windows, answers } = kerasAnswers(name);
  const { architecture, weights } = readNetwork(join(FIXTURES, name));
  const found = openRunner(architecture, weights, kind).run(Float32Array.from(windows.flat(2)), windows.length);
  return difference(found, answers.flat());
}
