/** What concerns the whole process: two copies of the pack, settings that break the rules, and the other Node-RED. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { deliveryOf } from "../../nodes/lib/delivery";
import { NODE_REDS } from "../harness/node-reds";
import { laboratory, runtimeWithTestNodes } from "./nodes";

const run = promisify(execFile);
const ROOT = path.resolve(__dirname, "../../..");

describe("the delivery ledger of a process", () => {
  it("is one for two copies of the pack", async () => {
    const runtime = await runtimeWithTestNodes();
    const copy = mkdtempSync(path.join(ROOT, "dist", "copy-"));
    try {
      cpSync(path.join(ROOT, "dist/nodes/lib"), copy, { recursive: true });
      const other = require(path.join(copy, "delivery/index.js")) as { deliveryOf: typeof deliveryOf };
      assert.equal(other.deliveryOf(runtime.RED as never), laboratory.delivery);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it("warns when runtimeSyncDelivery makes joins impossible to follow", async () => {
    const { stdout } = await run(process.execPath, [path.join(__dirname, "sync-delivery.js")], { timeout: 60_000 });
    assert.match(stdout, /runtimeSyncDelivery is set in settings\.js: .*acknowledged too early/u);
  });

  for (const { title, version, nodeRed, node } of NODE_REDS) {
    if (version === (process.env["CITYSTREAM_NODE_RED"] === "5" ? "5" : "4")) continue;
    it(`keeps its promises on ${title} as well`, async function () {
      const binary = await node(this);
      this.timeout(300_000);
      const tests = ["core-nodes", "errors", "limits", "holds", "deploys", "random-flows"].map((name) =>
        path.join(__dirname, `${name}.test.js`),
      );
      const mocha = path.join(ROOT, "node_modules/mocha/bin/mocha.js");
      const flows = String(Math.ceil(Number(process.env["CITYSTREAM_RANDOM_FLOWS"] ?? 1_000) / 10));
      try {
        const { stdout } = await run(binary, [mocha, "--reporter", "dot", ...tests], {
          cwd: ROOT,
          env: { ...process.env, CITYSTREAM_NODE_RED: version, CITYSTREAM_RANDOM_FLOWS: flows },
          maxBuffer: 16 * 1024 * 1024,
        });
        assert.match(stdout, /\d+ passing/u, nodeRed);
        assert.doesNotMatch(stdout, /^\s*\d+ (failing|pending)/mu);
      } catch (error) {
        const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
        throw new Error(`on ${title}:\n${stdout.slice(-6_000)}${stderr.slice(-2_000)}`, { cause: error });
      }
    });
  }
});
