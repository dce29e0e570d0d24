import assert from "node:assert/strict";
import { resolve } from "node:path";
import { forecaster } from "../../../nodes/lib/forecast/forecast";
import { readModel } from "../../../nodes/lib/forecast/model-file";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { readStations } from "../../../tools/train/readings";
import { referenceOutput } from "./reference";

const ROOT = resolve(__dirname, "../../../..");
const HOUR = 3_600_000;

/** The network's inputs of one hour, written out from the model card. */
function inputsOf(row: Float32Array, time: number): number[] {
  const [pm25 = 0, pm10 = 0, no2 = 0, co = 0, temp = 0, pres = 0, dewp = 0, rain = 0, wd = 0, wspm = 0] = row;
  const magnus = (t: number): number => Math.exp((17.625 * t) / (243.04 + t));
  const angle = (wd * Math.PI) / 180;
  const hour = (2 * Math.PI * ((time / HOUR + 8) % 24)) / 24;
  const readings = [pm25, pm10, no2, co, pres, wspm, ...[pm25, pm10, no2, co, rain].map((v) => Math.log(1 + v))];
  const wind = [wspm * Math.sin(angle), wspm * Math.cos(angle)];
  return [...readings, (100 * magnus(dewp)) / magnus(temp), ...wind, Math.sin(hour), Math.cos(hour)];
}

describe("the model that comes with the pack", () => {
  const model = readModel(resolve(ROOT, "models/beijing-air"));
  const { metadata } = model;

  it("forecasts from real readings what its card says, by plain loops", () => {
    const names = metadata.features.map(({ name }) => name);
    const [station] = readStations(resolve(ROOT, "flows/data"), names, metadata.fill, 480);
    assert.ok(station);
    const runner = openRunner(model.architecture, model.weights);
    const { prepare } = forecaster(metadata);
    let compared = 0;
    for (let last = 30_000; last < 34_000; last += 97) {
      const time = station.start + last * HOUR;
      const rows = station.rows.slice((last - 23) * 10, (last + 1) * 10);
      const prepared = prepare(rows.slice(), 24, time, "k", 0);
      if (!("inputs" in prepared)) continue;
      const { values } = prepared.finish(runner.run(prepared.inputs, 1));
      const window = Array.from({ length: 24 }, (_, t) =>
        inputsOf(rows.subarray(t * 10, t * 10 + 10), time - (23 - t) * HOUR).map((value, i) => {
          const { offset, scale } = metadata.inputs[i] as (typeof metadata.inputs)[0];
          return (value - offset) / scale;
        }),
      );
      const answers = referenceOutput(model.architecture, model.weights, window.flat());
      for (const [o, { target, horizon, change, offset, scale }] of metadata.outputs.entries()) {
        const now = rows[230 + names.indexOf(target)] as number;
        const wanted = Math.max(0, (change ? now : 0) + offset + scale * (answers[o] as number));
        const found = values[target]?.[`${horizon}h`] ?? Number.NaN;
        assert.ok(Math.abs(found - wanted) < 2e-3, `${target} ${horizon} h at row ${last}: ${found}, not ${wanted}`);
        compared++;
      }
    }
    assert.ok(compared > 150, `${compared} forecasts compared`);
  });

  it("was better than persistence and ridge at every horizon of both targets, by squared and by absolute error", () => {
    assert.equal(metadata.scores?.length, 6);
    for (const { target, horizon, rmse, mae, persistence, ridge } of metadata.scores ?? []) {
      const what = `${target} ${horizon} h`;
      assert.ok(rmse < persistence.rmse && mae < persistence.mae, what);
      assert.ok(rmse < ridge.rmse && mae < ridge.mae, what);
    }
  });

  it("computes at most 0.9 million multiplications a window, so that a small machine answers a thousand a second", () => {
    const { steps } = model.architecture.input;
    const multiplications = [...model.weights].reduce((sum, [name, { shape }]) => {
      const size = name.endsWith("bias") ? 0 : shape.reduce((product, n) => product * n, 1);
      return sum + size * (name.startsWith("lstm") ? steps : 1);
    }, 0);
    assert.ok(multiplications < 900_000, `${multiplications}`);
  });

  it("names its data and their licence", () => {
    assert.match(String(metadata.training?.["data"]), /10\.24432\/C5RK5G/);
    assert.equal(metadata.training?.["licence"], "CC BY 4.0");
  });
});
