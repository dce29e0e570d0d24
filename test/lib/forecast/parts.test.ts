import assert from "node:assert/strict";
import { errorsOf, partsOf, samplesOf, scaled, type Part } from "../../../nodes/lib/forecast/parts";
import type { Series } from "../../../nodes/lib/forecast/series";
import { metadataOf } from "./models";

const HOUR = 3_600_000;
const SHARES = { training: 0.7, validation: 0.15 };

const part = (from: number, to: number): Part => ({ from: from * HOUR, to: to * HOUR });

/** A station whose feature a is the hour and b its square, without gaps. */
function station(hours: number, first = 0, name = "s"): Series {
  const rows = Float32Array.from({ length: hours * 2 }, (_, i) => (first + Math.floor(i / 2)) ** (1 + (i % 2)));
  return { name, rows, truth: rows.slice(), count: hours, start: first * HOUR };
}

describe("parts of the readings", () => {
  it("are parted by time: no window of a part sees an answer of the next, and scaling sees the first part alone", () => {
    const metadata = metadataOf(["a", "b"], 4);
    const { training, validation, test } = partsOf([station(100)], HOUR, SHARES);
    assert.deepEqual([training, validation, test], [part(0, 70), part(70, 85), part(85, 100)]);
    for (const { from, to } of [training, validation, test]) {
      const { starts, truth } = samplesOf([station(100)], { from, to }, metadata);
      const lasts = [...starts].map((start) => start + 3);
      assert.equal(Math.min(...lasts), Math.max(3, from / HOUR));
      assert.equal(Math.max(...lasts), to / HOUR - 3, "two hours ahead are still in the part");
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
    const { starts, truth } = samplesOf([gappy], part(0, 30), metadataOf(["a", "b"], 4));
    assert.ok([...starts].every((start) => start > 10 || start + 3 < 10));
    const unknown = [...starts].findIndex((start) => start + 3 === 19);
    assert.ok(Number.isNaN(truth[unknown * 2]) && truth[unknown * 2 + 1] === 21 ** 2);
  });

  it("follow the rows that there are: a long pause of all stations shifts no share", () => {
    const series = [station(50), station(50, 1000), station(100, 1000, "other")];
    const { training, validation, test } = partsOf(series, HOUR, SHARES);
    const rows = ({ from, to }: Part): number =>
      series.reduce((sum, { start, count }) => {
        const times = Array.from({ length: count }, (_, r) => start + r * HOUR);
        return sum + times.filter((time) => time >= from && time < to).length;
      }, 0);
    assert.deepEqual([training, validation, test].map(rows), [140, 30, 30]);
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
});
