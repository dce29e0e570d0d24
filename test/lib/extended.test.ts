import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { extended } from "../../nodes/lib/extended";

/** Whether all of a thousand objects that `make` gives share one hidden class, in a process that has nothing else: V8 says it there. */
function shareClass(make: string): boolean {
  const program = `
    const { extended } = require("${require.resolve("../../nodes/lib/extended")}");
    const { recordOf } = require("${require.resolve("../../nodes/lib/mqtt/record")}");
    const all = Array.from({ length: 1000 }, (_, n) => Object.assign((${make})(n), { _msgid: String(n) }));
    console.log(all.every((one) => %HaveSameMap(one, all[0])));`;
  return execFileSync(process.execPath, ["--allow-natives-syntax", "--eval", program]).toString().trim() === "true";
}

describe("a record with more properties", () => {
  it("is a copy that has them last, or in the place of its own", () => {
    const record = { payload: 1, priority: 2 };
    assert.deepEqual(Object.entries(extended(record, { priority: 3, key: "k" })), [
      ["payload", 1],
      ["priority", 3],
      ["key", "k"],
    ]);
    assert.deepEqual(record, { payload: 1, priority: 2 });
  });

  it("shares its hidden class with others of its form, also once a flow has added to it", () => {
    assert.ok(shareClass("(n) => extended({ payload: { n }, source: { offset: n } }, { priority: n })"));
  });

  it("does so as an MQTT message", () => {
    const packet =
      '{ topic: "t/" + n, payload: Buffer.from(JSON.stringify({ n })), qos: 1, retain: false, dup: false }';
    assert.ok(shareClass(`(n) => recordOf(${packet}, { format: "json", time: () => undefined })`));
  });
});
