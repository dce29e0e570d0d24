import assert from "node:assert/strict";
import { openCollected } from "../../../nodes/lib/forecast/collected";
import { fit, type FitProgress, type FitWork } from "../../../nodes/lib/forecast/fit";
import type { ForecastMetadata } from "../../../nodes/lib/forecast/metadata";
import { modelCard } from "../../../nodes/lib/forecast/model-card";
import { modelFiles } from "../../../nodes/lib/forecast/model-file";
import type { ReadingBlock } from "../../../nodes/lib/forecast/series";
import { fitInWorker } from "../../../nodes/lib/forecast/train-in-worker";
import { fast, HOUR, madeReadings, madeTemplate, type Made } from "./made-readings";

function blocksOf(stations: Readonly<Record<string, readonly Made[]>>): ReadingBlock[] {
  const collected = openCollected({ width: 2, stepLength: HOUR, bytes: 10_000_000 });
  for (const [key, readings] of Object.entries(stations)) {
    for (const { hour, a, b } of readings) collected.add(key, hour * HOUR, Float32Array.of(a, b));
  }
  return collected.blocks();
}

const work = (
  readings: readonly Made[],
  changes: Partial<FitWork> = {},
  template: Partial<ForecastMetadata> = {},
): FitWork => ({
  ...fast,
  template: madeTemplate(template),
  readings: { blocks: blocksOf({ one: readings }) },
  ...changes,
});

const READINGS = madeReadings(900, 1);

describe("fitting a forecast", () => {
  it("finds what is to be learnt: better than persistence, near what nobody can know, on several stations", () => {
    const stations = { one: READINGS, two: madeReadings(900, 2, 400_300) };
    const { model, windows, stations: names, parts } = fit(work([], { readings: { blocks: blocksOf(stations) } }));
    assert.deepEqual(names, ["one", "two"]);
    const [one, two] = model.metadata.scores ?? [];
    assert.ok(one && two);
    assert.ok(one.rmse < 0.6 && one.rmse > 0.4, `${one.rmse}: the noise of an hour is 0.5`);
    assert.ok(one.persistence.rmse > 2 && one.ridge.rmse < 0.6, JSON.stringify(one));
    assert.ok(two.rmse < two.persistence.rmse);
    assert.ok(windows.training > 4 * windows.test && windows.test > 200, JSON.stringify(windows));
    assert.ok(parts.training.to < parts.validation.to && parts.validation.to < parts.test.to);
  });

  it("lets networks learn by several losses in turn", () => {
    const lossesOf = (changes: Partial<FitWork>): number[][] => {
      const losses: number[][] = [[], []];
      fit(work(READINGS, changes), {
        told: (one) => {
          if (one.kind === "epoch") losses[one.network - 1]?.push(one.epoch.loss);
        },
      });
      return losses;
    };
    const absolute = lossesOf({ options: { ...fast.options, loss: "mae" } });
    const squared = lossesOf({});
    const plans = [{}, { options: { loss: "mae" as const } }];
    assert.deepEqual(lossesOf({ plans }), [squared[0], absolute[1]]);
    assert.notDeepEqual(squared[1], absolute[1]);
  });

  it("lets networks learn outputs apart: what another group learns changes nothing", () => {
    const { model } = fit(work(READINGS, { plans: [{ learnt: [0] }, { learnt: [1] }] }));
    const [near, far] = model.metadata.scores ?? [];
    assert.ok(near && near.rmse < 0.6, `${near?.rmse}`);
    assert.ok(far && far.rmse < far.persistence.rmse);
    const later = { learnt: [1], options: { loss: "mae" as const } };
    const { model: other } = fit(work(READINGS, { plans: [{ learnt: [0] }, later], seeds: [1, 7] }));
    assert.deepEqual(other.metadata.scores?.[0], near);
    assert.notDeepEqual(other.metadata.scores?.[1], far);
  });

  it("lets networks be of other shapes and read some of the inputs alone", () => {
    const shape = { units: [8], dropout: 0.1, layers: "dense" as const, line: false };
    const { model } = fit(work(READINGS, { plans: [{}, { shape, reads: [0] }] }));
    const kinds = model.architecture.layers.map(({ name }) => name);
    assert.deepEqual(kinds, ["flat", "line", "lstm_1", "rest_1", "dense_2", "rest_2", "rest", "forecast"]);
    const kernel = model.weights.get("dense_2/kernel")?.values ?? [];
    const rows = Array.from({ length: kernel.length / 8 }, (_, row) => kernel.slice(row * 8, row * 8 + 8));
    for (const [row, weights] of rows.entries()) assert.equal(weights.some(Boolean), row % 2 === 0, `row ${row}`);
  });

  it("gives in a worker the model that it gives here, and tells of each epoch", async () => {
    const told: FitProgress[] = [];
    const inWorker = await fitInWorker(work(READINGS), (progress) => told.push(progress));
    const here = fit(work(READINGS));
    assert.deepEqual(modelFiles(inWorker.model, "w"), modelFiles(here.model, "w"));
    const epochs = told.flatMap((one) => (one.kind === "epoch" ? [[one.network, one.epoch.epoch]] : []));
    assert.deepEqual(epochs, [
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
      [2, 2],
      [2, 3],
    ]);
  });

  it("learns nothing from the parts after training: other readings there change no weight", () => {
    const changed = READINGS.map((one, i) => (i < 765 ? one : { ...one, a: one.a + 100 }));
    const [before, after] = [fit(work(READINGS)), fit(work(changed))];
    assert.deepEqual(modelFiles(after.model, "w").weights, modelFiles(before.model, "w").weights);
    assert.notDeepEqual(after.model.metadata.scores, before.model.metadata.scores);
    assert.deepEqual(after.model.metadata.features, before.model.metadata.features);
  });

  it("leaves the test part untouched when it is not asked for", () => {
    const { test, windows, model } = fit(work(READINGS, { test: false }));
    assert.deepEqual([test, windows.test, model.metadata.scores], [undefined, 0, undefined]);
  });

  it("gives quantiles that as many truths lie below as they say, about as good as ridge's", () => {
    const outputs = [undefined, 0.1, 0.9].map((quantile) => ({
      target: "a",
      horizon: 1,
      change: true,
      offset: 0,
      scale: 1,
      ...(quantile !== undefined && { quantile }),
    }));
    const { model } = fit(work(madeReadings(3_000, 3), { seeds: [1] }, { outputs }));
    const [low, high] = model.metadata.quantileScores ?? [];
    assert.ok(
      low && high && Math.abs(low.below - 0.1) < 0.06 && Math.abs(high.below - 0.9) < 0.06,
      JSON.stringify([low, high]),
    );
    for (const one of [low, high]) assert.ok(one.loss < one.ridge * 1.1, JSON.stringify(one));
    assert.equal(model.metadata.scores?.length, 1);
    assert.match(modelCard(model.metadata), /## Quantiles on the test part[^]*\| a \| 1h \| 0\.1 \|/);
  });

  it("is cancelled within a batch", async () => {
    const cancel = new AbortController();
    const cancelled = fitInWorker(
      work(READINGS, { options: { ...fast.options, epochs: 10_000, patience: 10_000 } }),
      (progress) => progress.kind === "epoch" && cancel.abort(new Error("enough")),
      cancel.signal,
    );
    await assert.rejects(cancelled, /enough/);
    let asked = 0;
    assert.throws(() => fit(work(READINGS), { cancelled: () => ++asked > 10 }), /cancelled/);
  });

  describe("says what the readings lack", () => {
    const cases: [string, FitWork, RegExp][] = [
      ["no reading at all", work([]), /no readings are collected/],
      [
        "too few",
        work(READINGS.slice(0, 60)),
        /too few complete windows to train: 37 of 4 steps from \d{4}-.*at least 100 are needed; collect more/,
      ],
      [
        "a feature that never comes",
        work(READINGS.map((one) => ({ ...one, b: Number.NaN }))),
        /feature "b" has no reading before .*: check its property/,
      ],
      [
        "a target that never changes",
        work(READINGS.map((one) => ({ ...one, a: 5 }))),
        /target "a" is always 5 in the training part/,
      ],
      [
        "gaps that are too many",
        work(READINGS.map((one) => ({ ...one, b: one.hour % 4 ? Number.NaN : one.b }))),
        /too few complete windows to train: 0 .*; b is missing in 4\d\d of 6\d\d steps: fill longer gaps than 1 steps/,
      ],
      [
        "a learning rate that is too large",
        work(READINGS, { options: { ...fast.options, rate: 1e30 } }),
        /Training diverged .* smaller learning rate/,
      ],
    ];
    for (const [what, given, pattern] of cases) {
      it(what, async () => {
        await assert.rejects(
          fitInWorker(given, () => undefined),
          pattern,
        );
      });
    }
  });
});

describe("comparing with the model in use", () => {
  const good = fit(work(READINGS)).model;
  const poor = fit(work(madeReadings(900, 9).map((one) => ({ ...one, b: -one.b })))).model;
  const compared = (present: typeof good, readings = READINGS, template: Partial<ForecastMetadata> = {}) =>
    fit(work(readings, { present }, template)).comparison;

  it("scores both on the same windows", () => {
    const found = compared(poor);
    assert.ok(found?.kind === "scored" && found.own * 4 < found.present && found.windows > 100, JSON.stringify(found));
    const same = compared(good);
    assert.ok(same?.kind === "scored");
    assert.equal(same.own, same.present, "the same model is neither better nor worse");
  });

  it("scores one that reads a longer window in another order of outputs and of features", () => {
    const template = madeTemplate();
    const present = fit(
      work(
        READINGS.map(({ hour, a, b }) => ({ hour, a: b, b: a })),
        {},
        {
          steps: 6,
          features: [...template.features].reverse(),
          outputs: [...template.outputs].reverse(),
        },
      ),
    ).model;
    const found = compared(present);
    assert.ok(found?.kind === "scored" && Math.abs(found.own / found.present - 1) < 0.2, JSON.stringify(found));
  });

  it("takes only windows that neither has learnt from", () => {
    const until = (date: string) => ({ ...good, metadata: { ...good.metadata, training: { chosenTo: date } } });
    const all = compared(good);
    const late = compared(until(new Date((400_000 + 850) * HOUR).toISOString()));
    assert.ok(all?.kind === "scored" && late?.kind === "scored" && late.windows < all.windows);
    assert.equal(late.from, (400_000 + 851) * HOUR);
    assert.equal(compared(until("2200-01-01T00:00:00.000Z"))?.kind, "none");
  });

  it("says why one can't be compared", () => {
    const other = madeTemplate().outputs.slice(0, 1);
    assert.match(JSON.stringify(compared(good, READINGS, { outputs: other })), /other targets, horizons or quantiles/);
    const { metadata } = good;
    const features = metadata.features.map((one) => (one.name === "b" ? { ...one, name: "c" } : one));
    const inputs = metadata.inputs.map((one) => (one.of?.[0] === "b" ? { ...one, of: ["c"] } : one));
    const foreign = { ...good, metadata: { ...metadata, features, inputs } };
    assert.match(JSON.stringify(compared(foreign)), /it needs c, which is not collected/);
  });
});
