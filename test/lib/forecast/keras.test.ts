import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { EngineKind } from "../../../nodes/lib/forecast/engine";
import { readNetwork } from "../../../nodes/lib/forecast/model-file";
import { openRunner } from "../../../nodes/lib/forecast/runner";

const FIXTURES = resolve(__dirname, "../../../../test/fixtures/forecast");

interface Answers {
  readonly windows: number[][][];
  readonly answers: number[][];
}

/** Made by bench/forecast-references.py. */
describe("parity with Keras", () => {
  const names = readdirSync(FIXTURES);

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

/** Beside the size of the answers, where that is above 1. */
function largestDifference(name: string, kind: EngineKind | undefined): number {
  const { windows, answers } = JSON.parse(readFileSync(join(FIXTURES, name, "answers.json"), "utf8")) as Answers;
  const { architecture, weights } = readNetwork(join(FIXTURES, name));
  const found = openRunner(architecture, weights, kind).run(Float32Array.from(windows.flat(2)), windows.length);
  const wanted = answers.flat();
  assert.equal(found.length, wanted.length);
  return Math.max(...wanted.map((value, i) => Math.abs(value - (found[i] as number)) / Math.max(1, Math.abs(value))));
}
