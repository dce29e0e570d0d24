import assert from "node:assert/strict";
import { until } from "../../harness";
import { bench, failing, passing, record } from "./source-bench";

describe("a source that needs a wire", () => {
  it("does not run without one, and is told when a deploy has wired it", async () => {
    let wired = false;
    const one = bench(passing, { wired: () => wired });
    assert.deepEqual(one.told, ["unwired"]);
    assert.equal(one.source.running, false);
    assert.throws(() => one.deliver(record()), /flows are not running/u);
    assert.match(one.warnings.join(), /wire it and deploy/u);
    one.source.flows(false);
    one.source.flows(true);
    assert.equal(one.warnings.length, 1, "said once");
    one.source.flows(false);
    wired = true;
    one.source.flows(true);
    assert.deepEqual(one.told, ["unwired", "wired", "run"]);
    one.deliver(record());
    await one.ended();
    assert.equal(one.verdicts[0]?.verdict, "delivered");
  });

  it("keeps its retries while a deploy has taken its wire away", async () => {
    let wired = true;
    let sends = 0;
    const one = bench(
      (token, message, ledger) => {
        sends++;
        if (sends > 1) return passing(token, message, ledger);
        one.source.flows(false);
        wired = false;
        one.source.flows(true);
        failing({ error: new Error("no") })(token, message, ledger);
      },
      { wired: () => wired },
    );
    one.deliver(record());
    await until(
      "its next try is due and waits",
      () => one.ledger.tokens.size === 0 && one.source.unfinished === 1,
      5_000,
    );
    assert.deepEqual(one.told, ["run", "stop", "unwired"]);
    wired = true;
    one.source.flows(true);
    await one.ended();
    assert.equal(sends, 2);
    assert.deepEqual(one.letters, []);
  });
});
