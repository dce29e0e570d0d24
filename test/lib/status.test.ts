import assert from "node:assert/strict";
import { throttledStatus, type Status } from "../../nodes/lib/status";
import { until } from "../harness";

describe("a throttled status", () => {
  it("shows the first change at once and the latest of many once the pause is over", async () => {
    const shown: Status[] = [];
    const status = throttledStatus((next) => shown.push(next));
    for (let count = 0; count < 100; count++) status.set({ text: String(count) });
    assert.deepEqual(shown, [{ text: "0" }]);
    await until("the latest is shown", () => shown.length > 1, 2000);
    assert.deepEqual(shown, [{ text: "0" }, { text: "99" }]);
    status.stop();
  });

  it("does not repeat what is shown already", () => {
    const shown: Status[] = [];
    const status = throttledStatus((next) => shown.push(next));
    status.set({ text: "same" });
    status.stop();
    status.set({ text: "same" });
    assert.equal(shown.length, 1);
  });
});
