import assert from "node:assert/strict";
import { directoryTemplate, safeSegment } from "../../../nodes/lib/lake/directory";

const render = (source: string, record: object): string => directoryTemplate(source, "Directory").render(record);

describe("directories made from records", () => {
  it("are those of the template, a segment for each value", () => {
    assert.equal(
      render("{{payload.site}}/dt={{payload.day}}", { payload: { site: "서울 중구", day: "2026-05-01" } }),
      "서울 중구/dt=2026-05-01",
    );
    assert.equal(render("/fixed//place/", {}), "fixed/place");
    assert.equal(render("", {}), "");
    assert.equal(render("{{topic}}", { topic: 7 }), "7");
  });

  it("hold the record's time by a pattern, in a zone", () => {
    const time = { timeOf: (from: unknown) => (from as { timestamp: number }).timestamp, zone: "Asia/Seoul" };
    const at = (source: string): string =>
      directoryTemplate(source, "Directory", time).render({
        topic: "air",
        timestamp: Date.parse("2026-05-01T15:30:00Z"),
      });
    assert.equal(at("{{topic}}/dt={{time:yyyy-MM-dd}}/hour={{time:HH}}"), "air/dt=2026-05-02/hour=00");
    assert.equal(at("{{ time:yyyy }}{{time:MM}}"), "202605");
    assert.equal(at("t={{time:HH:mm}}"), "t=00%3A30", "a colon is escaped, as Hive does");
    assert.throws(() => at("{{time:yyyy/MM}}"), /ConfigError: .*write {{time:yyyy}}\/{{time:MM}}/);
    assert.throws(() => at("{{time:YYYY}}"), /ConfigError: Directory: "YYYY" is no pattern of a time/);
  });

  it("stay below the lake whatever a record says", () => {
    const tricks = [
      "../../etc/passwd",
      "/etc/passwd",
      "a/../../b",
      "..\\..\\windows",
      "%2e%2e/",
      "%00",
      "a\u0000b",
      "c:\\x",
      "\u2215etc",
      "\uff0fetc",
      "\u2044x",
      "a\u202eb",
      "a\u200bb",
      "hdfs://other/x",
      "+tmp",
      "file*",
      "x?y#z",
    ];
    for (const trick of tricks) {
      const directory = render("in/{{payload}}", { payload: trick });
      const [first, second = "", ...more] = directory.split("/");
      assert.deepEqual([first, more.length], ["in", 0], trick);
      assert.doesNotMatch(second, /[\\:*?#]|\p{C}|\u2215|\uff0f|\u2044/u, trick);
      assert.doesNotMatch(second, /^\.+$/, trick);
    }
  });

  it("keep different values apart, and what looks the same together", () => {
    const values = ["a/b", "a%2Fb", "a\u2215b", "a:b", "ab", "a b", ".a", "_a", "a"];
    assert.equal(new Set(values.map(safeSegment)).size, values.length);
    assert.equal(safeSegment("서울".normalize("NFD")), safeSegment("서울"));
  });

  it("can be read back as Hive reads partition values", () => {
    for (const value of ["a/b:c", "100%", "../x", "_hidden", "서울/중구"])
      assert.equal(decodeURIComponent(safeSegment(value)), value);
  });

  it("refuse records of which no directory can be made, saying why", () => {
    for (const payload of [".", "..", "\uff0e\uff0e", " ", "x".repeat(256), "가".repeat(86)])
      assert.throws(() => render("{{payload}}", { payload }), { name: "Rejected" }, payload);
    for (const payload of [undefined, null, "", {}, []])
      assert.throws(() => render("a/{{payload.site}}", { payload: { site: payload } }), {
        name: "Rejected",
        message: /payload.site/,
      });
  });

  it("never lie where unfinished files do", () => {
    assert.equal(render("{{payload}}", { payload: "+tmp" }), "%2Btmp");
    assert.throws(() => directoryTemplate("+tmp/x", "Directory"), { name: "ConfigError", message: /Directory/ });
    assert.throws(() => directoryTemplate("a/../b", "Directory"), { name: "ConfigError", message: /not allowed/ });
  });
});
