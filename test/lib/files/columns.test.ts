import assert from "node:assert/strict";
import { offsetMinutes, timeReader, valueReader } from "../../../nodes/lib/files/columns";

describe("a cell", () => {
  const value = valueReader("automatic", ["NA"]);
  for (const [text, expected] of [
    ["1", 1],
    ["-2.50", -2.5],
    ["+3", 3],
    [".5", 0.5],
    ["1e-3", 0.001],
    ["0", 0],
    ["007", "007"],
    ["1.2.3", "1.2.3"],
    ["", null],
    ["NA", null],
    ["N/A", "N/A"],
    [" ", " "],
    [".", "."],
    ["-", "-"],
    ["0x10", "0x10"],
    ["Infinity", "Infinity"],
    ["동대문", "동대문"],
  ] as const)
    it(`"${text}" becomes ${JSON.stringify(expected)}`, () => assert.equal(value("c", text), expected));

  it("is a number only in the chosen columns, and must be one there", () => {
    const chosen = valueReader(["n"], []);
    assert.equal(chosen("text", "1"), "1");
    assert.equal(chosen("n", "1"), 1);
    assert.equal(chosen("n", ""), null);
    assert.throws(() => chosen("n", "one"), /column n is "one", not a number/);
  });
});

describe("event time", () => {
  const at = (columns: string[], offset: string, values: Record<string, unknown>): number =>
    timeReader(columns, offset)?.(values) ?? NaN;

  it("is read from year, month, day and hour at a UTC offset", () => {
    const values = { year: 2013, month: 3, day: 1, hour: 0 };
    assert.equal(at(["year", "month", "day", "hour"], "+08:00", values), Date.UTC(2013, 1, 28, 16));
    assert.equal(at(["year", "month", "day"], "", values), Date.UTC(2013, 2, 1));
  });

  it("is read from one column: ISO with or without zone, seconds, milliseconds", () => {
    assert.equal(at(["t"], "+09:00", { t: "2026-05-01T09:00:00" }), Date.UTC(2026, 4, 1));
    assert.equal(at(["t"], "+09:00", { t: "2026-05-01 09:00" }), Date.UTC(2026, 4, 1));
    assert.equal(at(["t"], "+09:00", { t: "2026-05-01T09:00:00Z" }), Date.UTC(2026, 4, 1, 9));
    assert.equal(at(["t"], "+09:00", { t: "2026-05-01" }), Date.UTC(2026, 3, 30, 15));
    assert.equal(at(["t"], "+09:00", { t: 1_777_593_600 }), 1_777_593_600_000);
    assert.equal(at(["t"], "+09:00", { t: 1_777_593_600_000 }), 1_777_593_600_000);
  });

  it("that is none is rejected with what stands there", () => {
    assert.throws(() => at(["t"], "", { t: "yesterday" }), /column t holds no time: "yesterday"/);
    assert.throws(() => at(["t"], "", { t: null }), /holds no time/);
    assert.throws(() => at(["y", "m", "d"], "", { y: 2013, m: 2, d: 30 }), /y, m, d hold no time: 2013 2 30/);
    assert.throws(() => at(["y", "m", "d"], "", { y: 2013, m: 2, d: null }), /hold no time/);
  });

  it("needs one column or three to six, and a UTC offset that is one", () => {
    assert.throws(() => timeReader(["a", "b"], ""), { name: "ConfigError" });
    for (const wrong of ["9", "Asia/Seoul", "+15:00", "+08:60"])
      assert.throws(() => offsetMinutes(wrong), { name: "ConfigError" });
    assert.deepEqual(["+09:00", "-0330", "Z", "", "+8"].map(offsetMinutes), [540, -210, 0, 0, 480]);
  });
});
