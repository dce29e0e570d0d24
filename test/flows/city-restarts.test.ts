/** The main flow as it is shipped, with its own broker, deployed and stopped in the middle of its work. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../tools/editor/nodes";
import { serviceFor } from "../../tools/services/for-test";
import { freePort } from "../../tools/services/ports";
import { redeploy, stopMember } from "../faults/lab/member";
import { until } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import type { FlowNode } from "../harness/runtime";
import { cutReadings } from "./readings";

/** Of each station, and how many of them pass in a second. */
const HOURS = 500;
const HOURS_A_SECOND = 10;

const keyOf = ({ site, time }: { site?: unknown; time?: unknown }): string => `${String(site)} ${String(time)}`;

/** What the files that readers may see hold, one key a record. */
function lakeKeys(directory: string): string[] {
  const entries = readdirSync(directory, { withFileTypes: true }).filter(({ name }) => !/^[+_.]/u.test(name));
  return entries.flatMap((entry) => {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) return lakeKeys(full);
    const lines = readFileSync(full, "utf8").trim().split("\n");
    return lines.map((line) => keyOf(JSON.parse(line) as object));
  });
}

describe("the main flow with its embedded broker", function mainFlow() {
  this.timeout(600_000);
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-city-restarts-"));
  const lake = path.join(folder, "lake");
  let red: NodeRedChild | undefined;
  after(async () => {
    await red?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("brings every hour of every station into the lake, over deploys, stops and a kill -9 in mid-flow", async function restarts() {
    const kafka = await serviceFor(this, "kafka", { own: true });
    const wanted = cutReadings(path.join(folder, "readings"), HOURS).map(keyOf);
    mkdirSync(lake);
    mkdirSync(path.join(folder, "node-red"));
    const flowFile = path.join(ROOT, "flows/city.json");
    const flow = JSON.parse(readFileSync(flowFile, "utf8")) as FlowNode[];
    const port = String(await freePort());
    const start = (): Promise<NodeRedChild> =>
      startChild({
        userDir: path.join(folder, "node-red"),
        flowFile,
        env: {
          CITYSTREAM_READINGS: path.join(folder, "readings"),
          CITYSTREAM_SPEED: String(3_600 * HOURS_A_SECOND),
          CITYSTREAM_DATA: folder,
          CITYSTREAM_MQTT_PORT: port,
          KAFKA_BROKERS: kafka.brokers,
          LAKE_URL: pathToFileURL(lake).href,
          LAKE_USER: "",
          INFLUX_KIND: "files",
          INFLUX_URL: pathToFileURL(path.join(folder, "points")).href,
          INFLUX_DATABASE: "city",
          CONNECT_URL: "http://127.0.0.1:1",
        },
      });
    const missing = (): string[] => {
      const stored = new Set(lakeKeys(lake));
      return wanted.filter((key) => !stored.has(key));
    };
    const stored = (): number => new Set(lakeKeys(lake)).size;
    const unfinished = async (child: NodeRedChild): Promise<number> => {
      const { state } = JSON.parse(await child.state()) as { state: { ledger: { tokens: number } } };
      return state.ledger.tokens;
    };
    const ways: ((child: NodeRedChild) => Promise<void>)[] = [
      (child) => redeploy(child, flow, "full"),
      stopMember,
      (child) => child.kill9(),
    ];
    red = await start();
    for (const [at, way] of ways.entries()) {
      const child = red;
      await until(`${at + 1}00 are in the lake`, () => stored() >= (at + 1) * 100, 120_000, () => child.state());
      // records pile up between the broker and Kafka, where a busy machine has them
      kafka.pause();
      try {
        await until("40 records are under way", async () => (await unfinished(child)) >= 40, 60_000, () => child.state());
        await way(child);
      } finally {
        kafka.resume();
      }
      if (child.process.exitCode !== null || child.process.signalCode !== null) red = await start();
    }
    const last = red;
    await until("every hour is in the lake", () => missing().length === 0, 120_000, async () => ({
      missing: missing(),
      state: await last.state(),
    }));
    console.log(`      ${wanted.length} readings, missing ${missing().length}, stored ${lakeKeys(lake).length}`);
  });
});
