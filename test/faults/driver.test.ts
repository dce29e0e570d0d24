/**
 * The fault laboratory with the second Kafka client, on a Node.js that it runs on: a slice of what
 * `npm run soak -- --client platformatic` does for hours.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { freePort } from "../../tools/services/ports";
import { secondDriverFor } from "../lib/kafka/second-driver";
import { killTrial } from "./lab/kill-trial";
import type { Surroundings } from "./lab/member";
import { outageTrial } from "./lab/outage-trial";
import { Proxy } from "./lab/proxy";
import { rebalanceTrial } from "./lab/rebalance-trial";
import { sideBySide, USUAL } from "./lab/side-by-side";
import { told, type Verdict } from "./lab/verdict";

const kill = { records: 4000, disturbances: 2, how: "kill", step: { kind: "random", from: 5, to: 60 } } as const;

const TRIALS: Readonly<Record<string, (around: Surroundings) => Promise<Verdict>>> = {
  "loses nothing when it is killed (record mode)": (around) =>
    killTrial(around, { ...kill, name: "second driver, record", mode: "record" }),
  "loses nothing when it is killed (batch mode)": (around) =>
    killTrial(around, { ...kill, name: "second driver, batch", mode: "batch", partitions: 3 }),
  "loses and repeats nothing when it is killed in transactions": (around) =>
    killTrial(around, {
      ...kill,
      name: "second driver, exactly once",
      exactlyOnce: true,
      source: { delivery: "exactlyOnce", transactionInterval: 50 },
    }),
  "loses nothing when members of its group come and go": (around) =>
    rebalanceTrial(around, { name: "second driver, rebalances", changes: 3, perSecond: 300, between: 200 }),
};

const OUTAGES = "loses nothing, and writes nothing twice, when its broker is absent, killed or behind a bad wire";

describe("the second Kafka client under faults", () => {
  const verdicts = new Map<string, Promise<Verdict>>();
  let folder: string;
  let proxy: Proxy | undefined;

  before(async function services() {
    const { cluster, node, env } = await secondDriverFor(this);
    const { brokers } = await serviceFor(this, "kafka");
    const port = await freePort();
    const own = await serviceFor(this, "kafka", { own: true, proxy: port });
    const wire = (proxy = new Proxy(port, Number(own.proxiedBrokers.split(":")[1])));
    folder = mkdtempSync(path.join(tmpdir(), "citystream-driver-"));
    const around = { cluster, node, env, brokers };
    const begin = sideBySide(USUAL);
    const place = (): string => mkdtempSync(path.join(folder, "trial-"));
    for (const [name, trial] of Object.entries(TRIALS))
      verdicts.set(
        name,
        begin(() => trial({ ...around, folder: place() })),
      );
    const outages = begin(() =>
      outageTrial({ ...around, brokers: wire.address, observed: own.brokers, folder: place() }, own, wire, {
        name: "second driver, outages",
        absent: 1000,
        between: 50,
        outages: [
          { kind: "wire", fault: { kind: "tear" }, ms: 1000 },
          { kind: "wire", fault: { kind: "stall" }, ms: 2000 },
          { kind: "kill", ms: 0 },
          { kind: "wire", fault: { kind: "halve" }, ms: 1000 },
          { kind: "wire", fault: { kind: "reset" }, ms: 1000 },
        ],
      }),
    );
    verdicts.set(OUTAGES, outages);
  });
  after(async () => {
    await Promise.allSettled(verdicts.values());
    await proxy?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  for (const says of [...Object.keys(TRIALS), OUTAGES])
    it(says, async function kept() {
      this.timeout(600_000);
      const verdict = await verdicts.get(says);
      assert.ok(verdict);
      console.log(told(verdict).replaceAll(/^/gmu, "      "));
      assert.deepEqual(verdict.faults, []);
    });
});
