import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { extended } from "../../nodes/lib/extended";
import { recordOf } from "../../nodes/lib/mqtt/record";

setFlagsFromString("--allow-natives-syntax");
const shareClass = runInThisContext("(a, b) => %HaveSameMap(a, b)") as (a: object, b: object) => boolean;
// Compiled at its first call, while that is allowed.
shareClass({}, {});
setFlagsFromString("--no-allow-natives-syntax");

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
    const make = (n: number): Record<string, unknown> =>
      Object.assign(extended({ payload: { n }, source: { offset: n } }, { priority: n }), { _msgid: String(n) });
    const all = Array.from({ length: 1000 }, (_, n) => make(n));
    assert.ok(all.slice(1).every((one) => shareClass(one, all[0] as object)));
  });

  it("does so as an MQTT message", () => {
    const form = { format: "json", time: () => undefined } as const;
    const make = (n: number): object => {
      const payload = Buffer.from(JSON.stringify({ n }));
      return Object.assign(recordOf({ topic: `t/${n}`, payload, qos: 1, retain: false, dup: false } as never, form), {
        _msgid: String(n),
      });
    };
    const all = Array.from({ length: 1000 }, (_, n) => make(n));
    assert.ok(all.slice(1).every((one) => shareClass(one, all[0] as object)));
  });
});
