/** Kafka away, and the wire to it bad: the slice of `npm run soak`'s outages. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { freePort } from "../../tools/services/ports";
import { outageTrial } from "./lab/outage-trial";
import { Proxy } from "./lab/proxy";
import { told } from "./lab/verdict";

describe("Kafka out of reach", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-outage-"));
  let proxy: Proxy | undefined;
  after(async () => {
    await proxy?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("absent at the start, cut, stalled and killed costs nothing, and the idempotent producer repeats nothing", async function outages() {
    const port = await freePort();
    const kafka = await serviceFor(this, "kafka", { own: true, proxy: port });
    this.timeout(600_000);
    proxy = new Proxy(port, Number(kafka.proxiedBrokers.split(":")[1]));
    const verdict = await outageTrial({ brokers: proxy.address, observed: kafka.brokers, folder }, kafka, proxy, {
      name: "outages",
      absent: 3000,
      between: 100,
      outages: [
        { kind: "wire", fault: { kind: "tear" }, ms: 2000 },
        { kind: "wire", fault: { kind: "stall" }, ms: 3000 },
        { kind: "kill", ms: 0 },
        { kind: "wire", fault: { kind: "halve" }, ms: 1000 },
        { kind: "wire", fault: { kind: "reset" }, ms: 2000 },
      ],
    });
    await kafka.stop();
    console.log(told(verdict).replaceAll(/^/gmu, "      "));
    assert.deepEqual(verdict.faults, []);
  });
});
