/** Windows under kill -9: a slice of what `npm run soak -- windows` does for hours. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { told } from "./lab/verdict";
import { windowsTrial } from "./lab/windows-trial";

const KILLS = 3;
const SHAPES = { tumbling: { size: 10_000, hop: 10_000 }, hopping: { size: 10_000, hop: 5000 } } as const;
const PROMISES = {
  source: "none lost, and what comes in parts says so and has come whole before",
  disk: "none lost, and every version of each the very same",
} as const;

describe("windows under kill -9", () => {
  let folder: string;
  let brokers: string;

  before(async function services() {
    ({ brokers } = await serviceFor(this, "kafka"));
    folder = mkdtempSync(path.join(tmpdir(), "citystream-windows-"));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  for (const kept of ["source", "disk"] as const)
    for (const shape of ["tumbling", "hopping"] as const)
      it(`are whole with records kept by: ${kept} (${shape}): ${PROMISES[kept]}`, async function killed() {
        this.timeout(300_000);
        const name = `windows ${shape} ${kept}`;
        const place = mkdtempSync(path.join(folder, "trial-"));
        const around = { brokers, folder: place };
        const verdict = await windowsTrial(around, { name, kept, ...SHAPES[shape], records: 6000, kills: KILLS });
        console.log(told(verdict).replaceAll(/^/gmu, "      "));
        assert.deepEqual(verdict.faults, []);
      });
});
