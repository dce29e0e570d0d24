/** Members of a group that come, leave and die under load: the slice of `npm run soak`'s hundred rebalances. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { rebalanceTrial } from "./lab/rebalance-trial";
import { told } from "./lab/verdict";

describe("members of a consumer group", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-members-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("join, leave and die under load: nothing is lost, and no commit moves back", async function rebalances() {
    const { brokers } = await serviceFor(this, "kafka");
    this.timeout(600_000);
    const verdict = await rebalanceTrial({ brokers, folder }, { name: "rebalances", changes: 4, perSecond: 400 });
    console.log(told(verdict).replaceAll(/^/gmu, "      "));
    assert.deepEqual(verdict.faults, []);
  });
});
