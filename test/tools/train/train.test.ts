import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { initialWeights, randomNumbers } from "../../../nodes/lib/forecast/random";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { errorsOf, partsOf, samplesOf, scaled } from "../../../tools/train/parts";
import { readStations, type Station } from "../../../tools/train/readings";
import { applyLinear, ridge } from "../../../tools/train/ridge";
import { ensemble, memberArchitecture } from "../../../tools/train/shipped";
import { metadataOf } from "../../lib/forecast/models";

const HEAD = "No,year,month,day,hour,PM2.5,wd,station";

/** A station whose feature a is the hour and b its square, without gaps. */
function station(hours: number): Station {
  const rows = Float32Array.from({ length: hours * 2 }, (_, i) => Math.floor(i / 2) ** (1 + (i % 2)));
  return { name: "s", rows, truth: rows.slice(), hours, start: 0 };
}

describe("training data", () => {
  let folder = "";
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "citystream-readings-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("are read from CSV files, gzipped or not, with wind as degrees and short gaps filled", () => {
    const lines = ["1,2013,3,1,0,9,NNW,X", "2,2013,3,1,1,NA,N,X", "3,2013,3,1,2,NA,NA,X"];
    writeFileSync(path.join(folder, "a.csv.gz"), gzipSync([HEAD, ...lines].join("\n")));
    writeFileSync(path.join(folder, "b.csv"), [HEAD, ...lines].join("\r\n"));
    const [a, b] = readStations(folder, ["PM2.5", "wd"], 1, 480);
    assert.deepEqual(a?.rows, b?.rows);
    assert.deepEqual([...(a?.rows ?? [])], [9, 337.5, 9, 0, Number.NaN, 0]);
    assert.deepEqual([...(a?.truth ?? [])].slice(2, 4), [Number.NaN, 0]);
    assert.equal(a?.start, Date.UTC(2013, 1, 28, 16));
  });

  it("are refused when an hour or a column is missing", () => {
    writeFileSync(path.join(folder, "a.csv"), [HEAD, "1,2013,3,1,0,9,N,X", "2,2013,3,1,2,9,N,X"].join("\n"));
    assert.throws(() => readStations(folder, ["PM2.5"], 1, 0), /a\.csv: line 3 is not one hour after/);
    assert.throws(() => readStations(folder, ["PM10"], 1, 0), /a\.csv has no column "PM10"/);
  });

  it("are parted by time: no window of a part sees an answer of the next, and scaling sees the first part alone", () => {
    const metadata = metadataOf(["a", "b"], 4);
    const { training, validation, test } = partsOf(100);
    assert.deepEqual(
      [training, validation, test],
      [
        { from: 0, to: 70 },
        { from: 70, to: 85 },
        { from: 85, to: 100 },
      ],
    );
    for (const part of [training, validation, test]) {
      const { starts, truth } = samplesOf([station(100)], part, metadata);
      const lasts = [...starts].map((start) => start + 3);
      assert.equal(Math.min(...lasts), Math.max(3, part.from));
      assert.equal(Math.max(...lasts), part.to - 3, "two hours ahead are still in the part");
      assert.equal(truth[0], (lasts[0] ?? 0) + 1);
    }
    const changed = station(100);
    changed.rows.fill(1e6, 140);
    assert.deepEqual(scaled(metadata, [changed], training), scaled(metadata, [station(100)], training));
    const { offset, scale } = scaled(metadata, [station(100)], training).inputs[0] ?? { offset: 0, scale: 0 };
    assert.deepEqual([offset, scale], [35, Number(Math.sqrt((65 ** 2 - 1) / 12).toPrecision(7))]);
  });

  it("leave out windows with a gap, and answers that are unknown", () => {
    const gappy = station(30);
    gappy.rows[2 * 10] = Number.NaN;
    gappy.truth[2 * 20] = Number.NaN;
    const { starts, truth } = samplesOf([gappy], { from: 0, to: 30 }, metadataOf(["a", "b"], 4));
    assert.ok([...starts].every((start) => start > 10 || start + 3 < 10));
    const unknown = [...starts].findIndex((start) => start + 3 === 19);
    assert.ok(Number.isNaN(truth[unknown * 2]) && truth[unknown * 2 + 1] === 21 ** 2);
  });
});

describe("baselines and ensemble", () => {
  it("ridge regression finds the linear map that made the answers, and a penalty shrinks it", () => {
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

  it("errors are those of the known answers, by station where asked", () => {
    const samples = {
      series: new Float32Array(0),
      starts: new Int32Array(3),
      targets: new Float32Array(3),
      last: new Float32Array(3),
      truth: Float32Array.of(1, Number.NaN, 5),
      station: Int32Array.of(0, 0, 1),
    };
    assert.deepEqual(
      errorsOf(samples, 1, () => 2),
      [{ rmse: Math.sqrt(5), mae: 2, count: 2 }],
    );
    assert.deepEqual(
      errorsOf(samples, 1, () => 2, 1),
      [{ rmse: 3, mae: 3, count: 1 }],
    );
  });

  it("an ensemble answers with the mean of its networks", () => {
    const architecture = memberArchitecture(3, 2, 2);
    const members = [1, 2, 3].map((seed) => initialWeights(architecture, seed));
    const window = Float32Array.of(0.1, -0.2, 0.3, 0.4, -0.5, 0.6);
    const each = members.map((weights) => openRunner(architecture, weights).run(window, 1));
    const whole = ensemble(members, 3, 2, 2);
    const answer = openRunner(whole.architecture, whole.weights).run(window, 1);
    for (const o of [0, 1]) {
      const mean = each.reduce((sum, one) => sum + (one[o] as number), 0) / 3;
      assert.ok(Math.abs((answer[o] as number) - mean) < 1e-6);
    }
  });
});
