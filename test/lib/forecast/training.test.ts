import assert from "node:assert/strict";
import type { EngineKind } from "../../../nodes/lib/forecast/engine";
import { initialWeights, randomNumbers } from "../../../nodes/lib/forecast/random";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { trainInWorker } from "../../../nodes/lib/forecast/train-in-worker";
import { train, type Epoch, type Samples, type TrainingOptions } from "../../../nodes/lib/forecast/training";
import { simple, stacked } from "./architectures";

const STEPS = 6;
const OPTIONS: TrainingOptions = {
  epochs: 30,
  batch: 32,
  rate: 1e-2,
  patience: 30,
  seed: 3,
  loss: "mse",
  clip: 5,
  average: 0.9,
};

/** Windows of noise whose answers are the difference of the first feature's first and last value, and a product. */
function samples(count: number, seed: number, outputs = 2): Samples {
  const random = randomNumbers(seed);
  const series = Float32Array.from({ length: (count + STEPS) * 2 }, () => 2 * random() - 1);
  const targets = Array.from({ length: count }, (_, i) => {
    const [first = 0, last = 0, other = 0] = [
      series[i * 2],
      series[(i + STEPS - 1) * 2],
      series[(i + STEPS - 1) * 2 + 1],
    ];
    return [last - first, last * other, other].slice(0, outputs);
  });
  return {
    series,
    starts: Int32Array.from({ length: count }, (_, i) => i),
    targets: Float32Array.from(targets.flat()),
  };
}

const architecture = simple(STEPS, 2, 10, 2);

function trained(options: Partial<TrainingOptions> = {}, start = initialWeights(architecture, 1), count = 600) {
  const epochs: Epoch[] = [];
  const result = train(
    architecture,
    start,
    samples(count, 1),
    samples(200, 2),
    { ...OPTIONS, ...options },
    {
      told: (epoch) => epochs.push(epoch),
    },
  );
  return { ...result, epochs };
}

describe("training", () => {
  it("learns what is to be learnt, on windows it has not seen", () => {
    const { history } = trained();
    const [first, last] = [history[0]?.validation ?? 0, Math.min(...history.map((epoch) => epoch.validation))];
    assert.ok(first > 0.1 && last < first / 10, `from ${first} to ${last}`);
  });

  it("gives the same weights for the same seed, and others for another", () => {
    const bytes = (seed: number): string =>
      [...trained({ epochs: 2, seed }).weights.values()].map((tensor) => tensor.values.join()).join(";");
    assert.equal(bytes(3), bytes(3));
    assert.notEqual(bytes(3), bytes(4));
  });

  it("gives without WebAssembly the weights that the kernel gives, dropout and a rest of a batch included", () => {
    const wide = stacked(STEPS, 2, 9, 6, 0.3);
    const weights = (engine: EngineKind): string => {
      const data = [samples(50, 1, 3), samples(20, 2, 3)] as const;
      const result = train(wide, initialWeights(wide, 5), ...data, { ...OPTIONS, epochs: 2, engine });
      return [...result.weights.values()].map((tensor) => tensor.values.join()).join(";");
    };
    assert.equal(weights("plain"), weights("simd"));
  });

  it("stops when validation gets no better, and gives the best epoch's weights", () => {
    const { epochs, weights } = trained({ patience: 2, epochs: 500 }, undefined, 20);
    assert.ok(epochs.length < 500, "it stopped early");
    const best = epochs.findLast((epoch) => epoch.best);
    assert.equal(best?.validation, Math.min(...epochs.map((epoch) => epoch.validation)));
    assert.equal(epochs.length, (best?.epoch ?? 0) + 2);
    const { series, targets } = samples(200, 2);
    const windows = Array.from({ length: 200 }, (_, i) => [...series.subarray(i * 2, (i + STEPS) * 2)]).flat();
    const answers = openRunner(architecture, weights, "simd").run(Float32Array.from(windows), 200);
    const loss = targets.reduce((sum, wanted, i) => sum + (wanted - (answers[i] as number)) ** 2, 0) / targets.length;
    assert.ok(Math.abs(loss - (best?.validation ?? 0)) < 1e-5, `${loss} instead of ${best?.validation}`);
  });

  it("leaves out answers that are unknown", () => {
    const unknown = samples(600, 1);
    for (let i = 0; i < unknown.targets.length; i += 2) unknown.targets[i] = Number.NaN;
    const start = initialWeights(architecture, 1);
    const { weights } = train(architecture, start, unknown, samples(200, 2), { ...OPTIONS, epochs: 1, average: 0 });
    const [before, after] = [start, weights].map((one) => one.get("out/kernel")?.values as Float32Array);
    for (let unit = 0; unit < 10; unit++) {
      assert.equal(after?.[unit * 2], before?.[unit * 2], "the unknown output learns nothing");
      assert.notEqual(after?.[unit * 2 + 1], before?.[unit * 2 + 1]);
    }
  });

  it("keeps frozen layers as they are", () => {
    const start = initialWeights(architecture, 1);
    const { weights } = trained({ epochs: 1, average: 0, frozen: ["out"] }, start);
    assert.deepEqual(weights.get("out/kernel")?.values, start.get("out/kernel")?.values);
    assert.notDeepEqual(weights.get("lstm/kernel")?.values, start.get("lstm/kernel")?.values);
  });

  it("says so when it diverges", () => {
    const broken = samples(100, 1);
    broken.targets.fill(3e38);
    assert.throws(
      () => train(architecture, initialWeights(architecture, 1), broken, broken, OPTIONS),
      /Training diverged .*: use a smaller learning rate/,
    );
  });
});

describe("training in a worker", () => {
  const work = (options: Partial<TrainingOptions>) => ({
    architecture,
    start: initialWeights(architecture, 1),
    training: samples(600, 1),
    validation: samples(200, 2),
    options: { ...OPTIONS, ...options },
  });

  it("tells of each epoch and gives what training here gives", async () => {
    const told: number[] = [];
    const { weights, history } = await trainInWorker(work({ epochs: 3, engine: "simd" }), ({ epoch }) =>
      told.push(epoch),
    );
    assert.deepEqual(told, [1, 2, 3]);
    assert.equal(history.length, 3);
    assert.deepEqual(weights, trained({ epochs: 3, engine: "simd" }).weights);
  });

  it("stops when cancelled, with the reason given", async () => {
    const controller = new AbortController();
    const training = trainInWorker(
      work({ epochs: 1_000_000, patience: 1_000_000 }),
      () => controller.abort(new Error("enough")),
      controller.signal,
    );
    await assert.rejects(training, /enough/);
    await assert.rejects(
      trainInWorker(work({}), () => undefined, controller.signal),
      /enough/,
    );
  });

  it("fails with what went wrong there", async () => {
    const wrong = { ...work({}), start: new Map() };
    await assert.rejects(
      trainInWorker(wrong, () => undefined),
      /The model file has no weights "lstm\/kernel"/,
    );
  });
});
