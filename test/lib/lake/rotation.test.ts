import assert from "node:assert/strict";
import * as fc from "fast-check";
import { deadline, due, spreads } from "../../../nodes/lib/lake/rotation";
import { schedule } from "../../../nodes/lib/schedule";
import { timeZone } from "../../../nodes/lib/time-zone";

const iso = (text: string): number => Date.parse(text);

describe("when a file of the lake is due", () => {
  const limits = { records: 10, bytes: 1000, age: 60_000, idle: 5000 };
  const file = { records: 1, bytes: 10, opened: 0, touched: 0, cut: Infinity };

  it("is by the first limit that it reaches", () => {
    assert.equal(due(file, limits, 4999), undefined);
    assert.equal(due({ ...file, records: 10 }, limits, 0), "records");
    assert.equal(due({ ...file, bytes: 1000 }, limits, 0), "bytes");
    assert.equal(due({ ...file, touched: 59_000 }, limits, 60_000), "age");
    assert.equal(due(file, limits, 5000), "idle");
    assert.equal(due({ ...file, cut: 3000 }, limits, 3000), "schedule");
  });

  it("is at its deadline and not before, if no more records come", () => {
    const times = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(times, times, times, fc.boolean(), (opened, later, cut, isCut) => {
        const one = { ...file, opened, touched: opened + later, cut: isCut ? opened + cut : Infinity };
        const at = deadline(one, limits);
        assert.notEqual(due(one, limits, at), undefined);
        assert.equal(due(one, limits, at - 1), undefined);
      }),
    );
  });

  it("is when a record lies too far from the others by its own time, earlier or later", () => {
    const held = { earliest: 1000, latest: 2000 };
    assert.deepEqual(
      [500, 1000, 1500, 3000, 3001, 0, -1].map((time) => spreads(held, time, 2000)),
      [false, false, false, false, true, false, true],
    );
    assert.equal(spreads({ earliest: Infinity, latest: -Infinity }, 5, 0), false, "the first of a file");
  });
});

describe("a schedule", () => {
  const next = (expression: string, zone: string, now: string): string =>
    new Date(schedule(expression, timeZone(zone, "Time zone"), "Schedule")(iso(now))).toISOString();

  it("names the next time after now, by the clock of its zone", () => {
    assert.equal(next("0 * * * *", "UTC", "2026-05-01T10:20:00Z"), "2026-05-01T11:00:00.000Z");
    assert.equal(next("0 * * * *", "UTC", "2026-05-01T11:00:00Z"), "2026-05-01T12:00:00.000Z");
    assert.equal(next("0 0 * * *", "Asia/Seoul", "2026-05-01T10:00:00Z"), "2026-05-01T15:00:00.000Z");
    assert.equal(next("0 0 * * *", "+09:00", "2026-05-01T10:00:00Z"), "2026-05-01T15:00:00.000Z");
    assert.equal(next("30 2 * * 1", "UTC", "2026-05-01T10:00:00Z"), "2026-05-04T02:30:00.000Z");
    assert.equal(next("*/10 * * * * *", "UTC", "2026-05-01T10:00:01.5Z"), "2026-05-01T10:00:10.000Z");
  });

  it("is right for every file, whenever it was begun and though the clock is set back", () => {
    const every = schedule("*/15 * * * *", "UTC", "Schedule");
    const quarter = 15 * 60_000;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2e12 }), (now) => {
        const expected = (Math.floor(now / quarter) + 1) * quarter;
        assert.equal(every(now), expected);
        assert.equal(every(expected - 1), expected);
      }),
    );
  });

  it("of a time that never comes cuts nothing", () => {
    assert.equal(schedule("0 0 30 2 *", "UTC", "Schedule")(0), Infinity);
  });

  it("that is none says how to write one", () => {
    for (const expression of ["hourly", "* * *", "61 * * * *", "* * * * * * * *"])
      assert.throws(
        () => schedule(expression, "UTC", "Schedule"),
        /^ConfigError: Schedule: ".*" is no schedule; write a cron expression, for example 0 \* \* \* \*/,
        expression,
      );
  });
});
