import assert from "node:assert/strict";
import type { Architecture, Tensor } from "../../../nodes/lib/forecast/architecture";
import { backward, clearGradients, placeGradients } from "../../../nodes/lib/forecast/backward";
import { openEngine, type EngineKind } from "../../../nodes/lib/forecast/engine";
import { forward, placeNetwork, weightsOf, type Value } from "../../../nodes/lib/forecast/network";
import { initialWeights, randomNumbers } from "../../../nodes/lib/forecast/random";
import { branched, simple, stacked } from "./architectures";
import { referenceOutput } from "./reference";

const ROWS = 5;

describe("gradients", () => {
  const cases: [string, Architecture][] = [
    ["one LSTM layer of odd width", simple(6, 3, 5, 2)],
    ["one LSTM layer wider than a block", simple(4, 9, 19, 6)],
    ["stacked LSTM layers and dense layers with activations", stacked(5, 4, 11, 6)],
    ["a linear path beside averaged recurrent ones", branched(4, 3, 6, 2)],
  ];
  for (const [name, architecture] of cases) {
    for (const kind of [undefined, "plain"] as const) {
      it(`equal central differences: ${name}${kind ? ", without WebAssembly" : ""}`, () => {
        const worst = worstGradient(architecture, kind);
        assert.ok(worst < 2e-4, `largest relative difference ${worst}`);
      });
    }
  }
});

/** Largest difference between the engine's gradients and central differences of the reference, beside the largest gradient. */
function worstGradient(architecture: Architecture, kind: EngineKind | undefined): number {
  const { steps, inputs } = architecture.input;
  const random = randomNumbers(7);
  const weights = initialWeights(architecture, 11);
  const windows = Array.from({ length: ROWS }, () =>
    Float32Array.from({ length: steps * inputs }, () => 2 * random() - 1),
  );
  const wanted = windows.map(() => Array.from({ length: outputWidth(architecture) }, () => random()));
  const loss = (changed: ReadonlyMap<string, Tensor>): number =>
    windows.reduce((sum, window, i) => {
      const out = referenceOutput(architecture, changed, window);
      return sum + out.reduce((s, v, j) => s + (v - (wanted[i]?.[j] as number)) ** 2, 0);
    }, 0);
  const found = engineGradients(architecture, weights, windows, wanted, kind);
  let [worst, largest] = [0, 0];
  for (const [name, tensor] of weights) {
    const gradient = found.get(name)?.values as Float32Array;
    const every = Math.max(1, Math.floor(tensor.values.length / 23));
    for (let i = 0; i < tensor.values.length; i += every) {
      const at = (shift: number): number => {
        const values = Float64Array.from(tensor.values);
        values[i] = (values[i] as number) + shift;
        const moved = { shape: tensor.shape, values: values as unknown as Float32Array };
        return loss(new Map([...weights, [name, moved]]));
      };
      const numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
      worst = Math.max(worst, Math.abs(numeric - (gradient[i] as number)));
      largest = Math.max(largest, Math.abs(numeric));
    }
  }
  assert.ok(largest > 0.01, "the check sees gradients");
  return worst / largest;
}

function outputWidth(architecture: Architecture): number {
  const weights = initialWeights(architecture, 1);
  return referenceOutput(architecture, weights, new Float32Array(architecture.input.steps * architecture.input.inputs))
    .length;
}

function engineGradients(
  architecture: Architecture,
  weights: ReadonlyMap<string, Tensor>,
  windows: Float32Array[],
  wanted: number[][],
  kind: EngineKind | undefined,
): Map<string, Tensor> {
  const engine = openEngine(kind);
  const network = placeNetwork(engine, architecture, weights, ROWS, true);
  const gradients = placeGradients(network);
  for (const [i, window] of windows.entries()) engine.floats.set(window, network.input / 4 + i * window.length);
  const values = forward(network, ROWS);
  clearGradients(network, gradients);
  const out = values.get(architecture.output) as Value;
  const to = gradients.outputs.get(architecture.output)?.at as number;
  for (const [i, row] of wanted.entries()) {
    for (const [j, truth] of row.entries()) {
      const at = (i * out.row) / 4 + j;
      engine.floats[to / 4 + at] = 2 * ((engine.floats[out.at / 4 + at] as number) - truth);
    }
  }
  backward(network, gradients, values, ROWS, new Map());
  // The gradients lie as the parameters do: read them out in the parameters' place.
  const { at, count } = network.parameters;
  engine.floats.copyWithin(at / 4, gradients.parameters / 4, gradients.parameters / 4 + count);
  return weightsOf(network);
}
