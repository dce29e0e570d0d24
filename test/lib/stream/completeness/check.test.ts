import assert from "node:assert/strict";
import { array, assert as check, constantFrom, integer, property, record } from "fast-check";
import { CompletenessCheck } from "../../../../nodes/lib/stream/completeness/check";
import { completenessPicture } from "../../../../nodes/lib/stream/completeness/picture";
import { completenessTable, durationText } from "../../../../nodes/lib/stream/completeness/table";
import { englishWords } from "../../../../nodes/lib/stream/completeness/words";

const START = Date.UTC(2012, 0, 1);
const seconds = (count: number): number => START + count * 1_000;

describe("the completeness check", () => {
  it("counts missing values by column, also of columns that appear late", () => {
    const completeness = new CompletenessCheck({ interval: 3_000 });
    completeness.record({ dust: 1, ozone: null }, seconds(0));
    completeness.record({ dust: NaN, ozone: 0 }, seconds(3));
    completeness.record({ dust: 2, ozone: 1, temperature: 20 }, seconds(6));
    completeness.record({ ozone: 1, temperature: 0 }, seconds(9));
    assert.deepEqual(completeness.report().columns, [
      { name: "dust", missing: 2 },
      { name: "ozone", missing: 1 },
      { name: "temperature", missing: 2 },
    ]);
  });

  it("takes bytes for one value, and follows no more than a thousand columns", () => {
    const bytes = new CompletenessCheck({ interval: 0 });
    bytes.record(Buffer.alloc(10_000_000, 1), undefined);
    assert.deepEqual(bytes.report().columns, [{ name: "value", missing: 0 }]);
    const many = new CompletenessCheck({ interval: 0 });
    for (let n = 0; n < 1_001; n++) many.record({ [`name ${n}`]: n }, undefined);
    const { columns, exact, rows } = many.report();
    assert.deepEqual([columns.length, exact, rows], [1_000, false, 1_001]);
  });

  it("lists gaps and duplicates up to its bound and counts the others", () => {
    const completeness = new CompletenessCheck({ interval: 3_000, listed: 2 });
    for (let at = 0; at < 40; at++) if (at % 10 !== 5) completeness.row(seconds(at * 3));
    for (const at of [1, 2, 3, 4]) completeness.row(seconds(at * 3));
    const { interval, complete, exact } = completeness.report();
    assert.deepEqual(interval?.gaps, {
      count: 4,
      listed: [
        { from: seconds(12), to: seconds(18), missing: 1 },
        { from: seconds(42), to: seconds(48), missing: 1 },
      ],
    });
    assert.deepEqual(interval.duplicates, {
      count: 4,
      listed: [
        { time: seconds(3), row: 37 },
        { time: seconds(6), row: 38 },
      ],
    });
    assert.deepEqual(
      [interval.missing, interval.outOfOrder, interval.furthest, complete, exact],
      [4, 4, 114_000, false, true],
    );
  });

  it("keeps an interval for each key, and says which rows it could not follow", () => {
    const completeness = new CompletenessCheck({ interval: 3_000, keyed: true, keys: 2 });
    for (let at = 0; at < 10; at++)
      for (const key of ["a", "b", "c"]) if (key !== "b" || at !== 4) completeness.row(seconds(at * 3), key);
    const { interval, keys, exact } = completeness.report();
    assert.deepEqual(interval?.gaps.listed, [{ from: seconds(9), to: seconds(15), missing: 1, key: "b" }]);
    assert.deepEqual(
      keys?.listed.map(({ key, rows, missing }) => [key, rows, missing]),
      [
        ["b", 9, 1],
        ["a", 10, 0],
      ],
    );
    assert.deepEqual([interval.notFollowed, exact], [10, false]);
  });

  it("finds missing and repeated offsets of each partition", () => {
    const completeness = new CompletenessCheck({ interval: 0 });
    for (const offset of [5, 6, 7, 10, 9, 7]) completeness.offset("air", 1, offset);
    for (const offset of [0, 1]) completeness.offset("air", 0, offset);
    const [zero, one] = completeness.report().offsets;
    assert.deepEqual([zero?.partition, zero?.missing, zero?.duplicates], [0, 0, 0]);
    assert.deepEqual(one?.holes, { count: 1, listed: [{ from: 7, to: 9, missing: 1 }] });
    assert.deepEqual(one.repeated, { count: 1, listed: [7] });
    assert.equal(completeness.report().complete, false);
  });

  it("takes a time that is none for what it is, and no time at all for nothing wrong", () => {
    const completeness = new CompletenessCheck({ interval: 3_000 });
    completeness.row(NaN);
    assert.deepEqual([completeness.report().withoutTime, completeness.report().complete], [1, false]);
    const untimed = new CompletenessCheck({ interval: 3_000 });
    untimed.record({ a: 1 }, undefined);
    assert.deepEqual([untimed.report().interval, untimed.report().complete], [undefined, true]);
  });

  it("has every row, missing value and missing reading in its timeline, whatever the times", () => {
    const row = record({ time: integer({ min: -5_000_000, max: 5_000_000_000 }), dust: constantFrom(1, null) });
    check(
      property(array(row, { minLength: 1, maxLength: 100 }), (rows) => {
        const completeness = new CompletenessCheck({ interval: 3_000 });
        for (const { time, dust } of rows) completeness.record({ dust }, time);
        const { timeline, interval } = completeness.report();
        const sum = (counts: readonly number[] | undefined): number =>
          (counts ?? []).reduce((all, one) => all + one, 0);
        assert.ok(timeline && timeline.rows.length <= 1_024);
        assert.equal(sum(timeline.rows), rows.length);
        assert.equal(sum(timeline.missing[0]), rows.filter(({ dust }) => dust === null).length);
        assert.ok(Math.abs(sum(timeline.absent) - (interval?.missing ?? 0)) < 1e-6 * (1 + sum(timeline.absent)));
        for (const { time } of rows) {
          const bucket = Math.floor((time - timeline.from) / timeline.width);
          assert.ok((timeline.rows[bucket] ?? 0) > 0, `nothing at ${time}`);
        }
      }),
    );
  });

  it("is told as a table that says what speaks against completeness", () => {
    const completeness = new CompletenessCheck({ interval: 3_000 });
    for (const at of [0, 3, 3, 6, 60]) completeness.record({ dust: at === 6 ? null : 1 }, seconds(at));
    assert.deepEqual(completenessTable(completeness.report(), englishWords, 9 * 60), [
      { finding: "rows", count: 5, detail: "2012-01-01 09:00:00 to 2012-01-01 09:01:00", good: true },
      { finding: "unreadable rows", count: 0, detail: "", good: true },
      { finding: "rows without time", count: 0, detail: "", good: true },
      { finding: "missing: dust", count: 1, detail: "20 % of the rows", good: false },
      {
        finding: "gaps",
        count: 1,
        detail:
          "every 3 s expected; 17 readings missing, 80.95 % of those expected; longest: 54 s from 2012-01-01 09:00:06",
        good: false,
      },
      { finding: "duplicates", count: 1, detail: "", good: false },
      { finding: "out of order", count: 0, detail: "", good: true },
      { finding: "too close together", count: 0, detail: "", good: true },
    ]);
    assert.deepEqual([90_061_000, 3_600_000, 72_000, 500].map(durationText), ["1 d 1 h", "1 h", "1 m 12 s", "0.5 s"]);
  });

  it("is drawn as well-formed SVG with a strip for the readings and each column, red where they are missing", () => {
    const completeness = new CompletenessCheck({ interval: 3_000 });
    for (let at = 0; at < 1_000; at++)
      if (at < 300 || at > 600) completeness.record({ '<dust> & "PM"': at > 900 ? null : 1 }, seconds(at * 3));
    const picture = completenessPicture(completeness.report(), englishWords);
    assert.match(picture, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 1000 \d+"/u);
    assert.equal(picture.match(/<g>/gu)?.length, 2);
    assert.match(picture, /&lt;dust&gt; &amp; &quot;PM&quot;/u);
    const [readings, dust] = picture.split("<g>").slice(1);
    for (const strip of [readings, dust]) assert.match(strip ?? "", /fill="#b00020"/u);
    assert.equal(picture.match(/<(?!\/)[a-z]+(?:\s[^<>]*[^/<>])?>/gu)?.length, picture.match(/<\/[a-z]+>/gu)?.length);
  });
});
