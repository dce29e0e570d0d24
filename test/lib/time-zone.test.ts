import assert from "node:assert/strict";
import * as fc from "fast-check";
import { timePattern, timeZone } from "../../nodes/lib/time-zone";

const text = (pattern: string, zone: string, iso: string): string =>
  timePattern(pattern, timeZone(zone, "Time zone"), "Directory")(Date.parse(iso));

describe("times as text", () => {
  it("are those of the time zone", () => {
    const time = "2026-05-01T15:30:45.678Z";
    assert.equal(text("yyyy-MM-dd HH:mm:ss", "UTC", time), "2026-05-01 15:30:45");
    assert.equal(text("yyyy-MM-dd HH:mm", "Asia/Seoul", time), "2026-05-02 00:30");
    assert.equal(text("yyyy-MM-dd HH:mm", "+09:00", time), "2026-05-02 00:30");
    assert.equal(text("yyyy-MM-dd HH:mm", "-330", time), "2026-05-01 12:00");
    assert.equal(text("yy-M-d H:m:s", "", "2026-01-02T03:04:05Z"), "26-1-2 3:4:5");
    assert.equal(text("'year='yyyy", "UTC", time), "year=2026");
    assert.equal(text("yyyy-ooo", "UTC", "2026-12-31T00:00:00Z"), "2026-365");
    assert.equal(text("kkkk-'W'WW", "UTC", "2027-01-01T00:00:00Z"), "2026-W53");
    assert.equal(text("yyyy-'Q'q", "UTC", time), "2026-Q2");
    assert.equal(text("HH", "Asia/Seoul", "1969-12-31T23:59:59.999Z"), "08", "before 1970 too");
  });

  it("follow a zone's changes of the hour", () => {
    const hours = ["00:30", "01:30", "02:30"].map((at) => text("HH:mm", "Europe/Berlin", `2026-10-25T${at}:00Z`));
    assert.deepEqual(hours, ["02:30", "02:30", "03:30"]);
    assert.equal(text("HH:mm", "Europe/Berlin", "2026-03-29T01:00:00Z"), "03:00");
    assert.equal(text("HH:mm", "Asia/Kathmandu", "2026-03-29T00:00:00Z"), "05:45");
  });

  it("are what Intl says, for any time, in whatever order times come", () => {
    const zones = ["UTC", "Asia/Seoul", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"];
    for (const zone of zones) {
      const ours = timePattern("yyyy-MM-dd HH:mm:ss", zone, "Directory");
      const coarse = timePattern("yyyy-MM-dd HH:mm", zone, "Directory");
      const theirs = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
      fc.assert(
        fc.property(fc.integer({ min: 0, max: Date.UTC(2037, 11, 31) }), (time) => {
          assert.equal(ours(time), theirs.format(time));
          assert.equal(coarse(time), theirs.format(time).slice(0, -3));
        }),
        { numRuns: 300 },
      );
    }
  });

  it("need a zone and a pattern that are ones, and say how to write them", () => {
    for (const zone of ["Seoul", "+25:00", "+09:75", "Asia/Nowhere", "9"])
      assert.throws(
        () => timeZone(zone, "Time zone"),
        /^ConfigError: Time zone: .* is no time zone; write for example Asia\/Seoul/,
      );
    for (const pattern of ["", "YYYY-mm", "yyy", "T", "'open", "MMM", "EEEE", "hh"])
      assert.throws(
        () => text(pattern, "UTC", "2026-01-01"),
        /^ConfigError: Directory: .* is no pattern of a time/,
        pattern,
      );
  });

  it("are refused where there is no time", () => {
    for (const time of [NaN, Infinity, 1e17])
      assert.throws(() => timePattern("HH", "UTC", "Directory")(time), { name: "Rejected" });
  });
});
