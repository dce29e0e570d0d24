/** Records on their way through the embedded broker, which keeps them in memory, over deploys, stops and kills. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "../../tools/services/ports";
import { flowOf, until, type FlowNode } from "../harness";
import { startChild, type NodeRedChild } from "../harness/child";
import { redeploy } from "./lab/member";

const ROWS = 1_500;
/** Rows that come through a second, behind the broker. */
const RATE = 200;

describe("the embedded broker in mid-flow", function embedded() {
  this.timeout(300_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-embedded-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const flowOn = (port: number, qos: string): FlowNode[] => [
    { id: "broker", type: "citystream-mqtt-broker", server: "embedded", port },
    {
      id: "rows",
      type: "citystream-file-in",
      format: "csv",
      paths: path.join(folder, "rows.csv"),
      end: "stop",
      wires: [["publish"]],
    },
    { id: "publish", type: "citystream-mqtt-out", broker: "broker", publishTo: "rows", qos, wires: [[]] },
    { id: "subscribe", type: "citystream-mqtt-in", broker: "broker", topics: "rows", qos, wires: [["slow"]] },
    {
      id: "slow",
      type: "delay",
      pauseType: "rate",
      timeout: "1",
      timeoutUnits: "seconds",
      rate: String(RATE),
      nbRateUnits: "1",
      rateUnits: "second",
      wires: [["text"]],
    },
    { id: "text", type: "function", func: "msg.payload = msg.payload.n; return msg;", outputs: 1, wires: [["write"]] },
    {
      id: "write",
      type: "file",
      filename: path.join(folder, "arrived.txt"),
      filenameType: "str",
      appendNewline: true,
      overwriteFile: "false",
      wires: [[]],
    },
  ];
  const arrived = (): number[] => {
    const file = path.join(folder, "arrived.txt");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8").split("\n").slice(0, -1).map(Number);
  };
  const missing = (): number => ROWS - new Set(arrived()).size;
  const deploy = async (child: NodeRedChild): Promise<void> => {
    const flow = (await (await fetch(`${child.url}/flows`)).json()) as FlowNode[];
    await redeploy(child, flow, "full");
  };

  for (const qos of ["1", "2"])
    it(`loses nothing over full deploys, stops and kills -9 (QoS ${qos})`, async () => {
      const rows = Array.from({ length: ROWS }, (_, n) => n);
      writeFileSync(path.join(folder, "rows.csv"), `n\n${rows.join("\n")}\n`);
      const flowFile = path.join(folder, "flow.json");
      writeFileSync(flowFile, JSON.stringify(flowOf(...flowOn(await freePort(), qos))));
      const start = (): Promise<NodeRedChild> => startChild({ userDir: folder, flowFile });
      let child = await start();
      const ways: [string, () => Promise<void>][] = [
        ["a deploy", () => deploy(child)],
        ["a stop", () => child.stop()],
        ["a deploy", () => deploy(child)],
        ["a kill", () => child.kill9()],
      ];
      try {
        for (const [at, [name, way]] of ways.entries()) {
          const goal = Math.round((ROWS * (at + 1)) / (ways.length + 2));
          await until(
            `${goal} have arrived before ${name}`,
            () => ROWS - missing() >= goal,
            60_000,
            () => child.state(),
          );
          await way();
          if (child.process.exitCode !== null || child.process.signalCode !== null) child = await start();
        }
        await until(
          "every row has arrived",
          () => missing() === 0,
          60_000,
          async () => ({
            missing: missing(),
            state: await child.state(),
          }),
        );
      } finally {
        await child.kill9();
        console.log(`      sent ${ROWS}, missing ${missing()}, repeated ${arrived().length - ROWS + missing()}`);
      }
    });
});
