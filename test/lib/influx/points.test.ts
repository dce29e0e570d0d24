import assert from "node:assert/strict";
import { pointMapping, type MappingSettings } from "../../../nodes/lib/influx/points";
import { wholeLines } from "../../../nodes/lib/formats/line-protocol";

const NOW = 1_700_000_000_123;
const line = (settings: Partial<MappingSettings>, record: object): string => {
  const mapping = pointMapping({ measurement: "m", tags: [], fields: [], time: "", unit: "ms", ...settings });
  const { body, time } = mapping(record, NOW);
  return `${body} ${time}`;
};

describe("the mapping of records to points", () => {
  it("writes tags, typed fields and the record's time", () => {
    const settings: Partial<MappingSettings> = {
      measurement: "air {{payload.kind}}",
      tags: [{ name: "", from: "payload.site" }],
      fields: [
        { name: "pm", from: "payload.pm25", type: "float" },
        { name: "", from: "payload.status", type: "integer" },
        { name: "", from: "payload.ok", type: "boolean" },
        { name: "", from: "payload.note", type: "string" },
        { name: "", from: "payload.missing", type: "float" },
      ],
      time: "payload.time",
      unit: "s",
    };
    const payload = {
      kind: "a,b",
      site: "서울 1",
      pm25: 31,
      status: "7",
      ok: "true",
      note: 'say "hi"\\',
      time: "2017-02-28T23:00:00Z",
    };
    assert.equal(
      line(settings, { payload }),
      'air\\ a\\,b,site=서울\\ 1 note="say \\"hi\\"\\\\",ok=T,pm=31,status=7i 1488322800',
    );
  });

  it("takes every property of the payload when no field is named, but neither tags nor the time", () => {
    const payload = { site: "s1", at: 5, temp: 20.5, ok: false, note: null, place: { lat: 37.5, list: [1, 2] } };
    assert.equal(
      line({ tags: [{ name: "station", from: "msg.payload.site" }], time: "payload.at" }, { payload }),
      'm,station=s1 ok=F,place_lat=37.5,place_list="[1,2]",temp=20.5 5',
    );
  });

  it("takes msg.timestamp in ms for the time, and the time of arrival when there is none", () => {
    assert.equal(line({ unit: "s" }, { payload: { a: 1 }, timestamp: 1_488_322_800_999 }), "m a=1 1488322800");
    assert.equal(line({ unit: "ns" }, { payload: { a: 1 } }), `m a=1 ${NOW}000000`);
    assert.equal(
      line({ unit: "us" }, { payload: { a: 1 }, timestamp: "2017-02-28T23:00:00.5Z" }),
      "m a=1 1488322800500000",
    );
  });

  it("keeps integers of 64 bits exactly and refuses what is none", () => {
    const fields = [{ name: "n", from: "payload.n", type: "integer" as const }];
    assert.equal(
      line({ fields }, { payload: { n: "9223372036854775807" }, timestamp: 1 }),
      "m n=9223372036854775807i 1",
    );
    assert.equal(line({ fields }, { payload: { n: -5n }, timestamp: 1 }), "m n=-5i 1");
    for (const n of [1.5, "9223372036854775808", "x", 2 ** 53, true, {}])
      assert.throws(() => line({ fields }, { payload: { n } }), { name: "Rejected" }, String(n));
  });

  it("refuses, with the field and the value, what no point can hold", () => {
    const cases: [object, RegExp][] = [
      [{ payload: { a: NaN } }, /Field "a" is NaN/],
      [{ payload: { a: Infinity } }, /Field "a" is Infinity/],
      [{ payload: { a: null } }, /no field left/],
      [{ payload: {} }, /no field left/],
      [{ payload: null }, /payload is null/],
      [{ payload: "text" }, /payload is a string/],
      [{ payload: [1] }, /payload is an array/],
      [{ payload: { a: 1 }, timestamp: "yesterday" }, /neither a number in ms nor an ISO/],
      [{ payload: { "a\\": 1 } }, /backslash/],
    ];
    for (const [record, message] of cases) assert.throws(() => line({}, record), { name: "Rejected", message });
    assert.throws(() => line({ time: "payload.t" }, { payload: { a: 1 } }), {
      name: "Rejected",
      message: /has no time: payload.t/,
    });
    assert.throws(() => line({ tags: [{ name: "t", from: "payload.t" }] }, { payload: { a: 1, t: {} } }), /Tag "t"/);
  });

  it("does not let a tag's text become tags or fields of its own", () => {
    const tags = [{ name: "t", from: "payload.t" }];
    assert.equal(
      line({ tags }, { payload: { a: 1, t: "x,evil=1 b=2\nm2 c=3" }, timestamp: 1 }),
      "m,t=x\\,evil\\=1\\ b\\=2\\nm2\\ c\\=3 a=1 1",
    );
    for (const t of ["x\\,evil=1", "end\\", "a\\ b"])
      assert.throws(() => line({ tags }, { payload: { a: 1, t } }), { name: "Rejected", message: /backslash/ });
  });

  it("says which setting has a wrong path", () => {
    assert.throws(() => line({ fields: [{ name: "", from: "payload..x", type: "auto" }] }, {}), {
      name: "ConfigError",
      message: /Fields/,
    });
  });
});

describe("whole lines of line protocol", () => {
  it("end at the last line break outside of a text field", () => {
    const whole = 'm,t=5"inch a="x\ny\\"\n",b=1 1\nm a=2 2\n';
    for (const torn of ["", "m a=3", 'm a="text\n', 'm a="te\nxt" 3', "m,t=\\\n"])
      assert.equal(wholeLines(Buffer.from(whole + torn)), Buffer.byteLength(whole), JSON.stringify(torn));
  });
});
