/** Many records behind a slow step: the short form of `npm run soak`'s ten minutes with 500,000 records. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { backlogTrial } from "./lab/backlog-trial";
import { told } from "./lab/verdict";

describe("a mountain of records behind a slow step", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-backlog-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("leaves memory flat and below 200 MB with a heap of 512 MB, and the event loop free", async function backlog() {
    const { brokers } = await serviceFor(this, "kafka");
    this.timeout(600_000);
    const around = { brokers, folder, nodeArguments: ["--max-old-space-size=512"] };
    // The event loop of a machine that others use is late for their sake. The soak asks for 50 ms;
    // here it is a second, which a flow that took the mountain at once would exceed by far, and 50 ms of the process's own.
    const trial = { name: "backlog", records: 200_000, perSecond: 100, lasting: 20_000, mostDelay: 1000 };
    const verdict = await backlogTrial(around, trial);
    console.log(told(verdict).replaceAll(/^/gmu, "      "));
    assert.deepEqual(verdict.faults, []);
  });
});
