import assert from "node:assert/strict";
import { nodeRed } from "../harness";
import { at, errorOf } from "./read";
import { flow, record, T0, windowOf } from "./windows";

describe("window-batcher by sessions", () => {
  it("sends a session per key when its gap has passed, with exact percentiles", async () => {
    const red = await nodeRed();
    const settings = { by: "session", gap: "30 s", emit: "aggregates", percentiles: "50 p90" };
    await red.deploy(flow({ ...settings, features: [{ field: "v", as: "" }] }));
    for (const [key, seconds, v] of [
      ["z", 0, 0],
      ["a", 100, 1],
      ["a", 120, 3],
      ["b", 125, 7],
      ["a", 140, 2],
      ["z", 200, 0],
    ] as const)
      red.receive("node", record(key, seconds, { v }));
    red.receive("node", record("b", 90, { v: 5 }));
    const [z, b, a] = await red.arrived("windows", 3);
    assert.deepEqual(
      [z, b, a].map((message) => {
        const { key, start, end, count } = windowOf(message);
        return [key, (start - T0) / 1000, (end - T0) / 1000, count];
      }),
      [
        ["z", 0, 30, 1],
        ["b", 125, 155, 1],
        ["a", 100, 170, 3],
      ],
    );
    const { p50, p90 } = at<Record<string, Record<string, number>>>(a, "payload")["v"] ?? {};
    assert.deepEqual([p50, p90], [2, 2.8]);
    const [late] = await red.arrived("late", 1);
    assert.equal(windowOf(late).end, T0 + 120_000);
  });

  it("refuses a gap that is none and a grid, by the setting's name", async () => {
    const red = await nodeRed();
    const wrong = [
      [{ gap: "0 s" }, /Gap: 0 s is shorter than 1 ms/],
      [{ emit: "columns", step: "1 s", features: [{ field: "v", as: "" }] }, /Step: sessions have a row per record/],
      [{ emit: "aggregates", percentiles: "50, 101", features: [{ field: "v", as: "" }] }, /Percentiles: 101 is none/],
    ] as const;
    for (const [settings, message] of wrong) {
      await red.deploy(flow({ by: "session", ...settings }));
      red.receive("node", record("a", 0, { v: 1 }));
      const [failed] = await red.arrived("caught", 1);
      assert.match(errorOf(failed), message);
    }
  });
});
