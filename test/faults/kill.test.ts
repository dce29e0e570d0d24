/**
 * Node-RED killed with -9 and redeployed in the middle of its work, judged by an observer that knows only the numbers it
 * sent. The same trials run by the million in `npm run soak`; see docs/faults.md.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serviceFor } from "../../tools/services/for-test";
import { killTrial, type KillTrial } from "./lab/kill-trial";
import type { Surroundings } from "./lab/member";
import { sideBySide, USUAL } from "./lab/side-by-side";
import { told, type Verdict } from "./lab/verdict";

const RECORDS = 20_000;
const backlog = { records: RECORDS, disturbances: 1, step: { kind: "rate", perSecond: 1000 } } as const;
const TRIALS: readonly (KillTrial & { readonly says: string })[] = [
  {
    says: "loses nothing of a live stream of 2,000 a second",
    name: "live",
    records: RECORDS,
    disturbances: 1,
    how: "kill",
    step: { kind: "fixed", ms: 50 },
    live: 2000,
  },
  {
    says: "loses nothing among random delays of 1 to 2,000 ms",
    name: "random",
    records: RECORDS,
    disturbances: 1,
    how: "kill",
    step: { kind: "random", from: 1, to: 2000 },
    span: 2000,
  },
  { says: "loses nothing of a backlog behind a step of 1,000 a second", name: "backlog", how: "kill", ...backlog },
  { says: "loses nothing of it in a full deploy", name: "full deploy", how: "full", ...backlog },
  { says: "loses nothing of it in a deploy of flows", name: "flow deploy", how: "flows", ...backlog },
  { says: "loses nothing of it in a deploy of nodes", name: "node deploy", how: "nodes", ...backlog },
  // With the two formats below 30 kills: the slice of `npm run soak`.
  ...(["record", "batch", "record", "batch"] as const).map((mode, index) => ({
    says: `loses nothing in five kills at random moments (${mode} mode, ${1 + index} partitions)`,
    name: `soak ${mode} ${index}`,
    records: 6000,
    disturbances: 5,
    how: "kill" as const,
    step: { kind: "random" as const, from: 5, to: 60 },
    mode,
    partitions: 1 + index,
    jitter: 300,
  })),
  ...(["avro", "parquet"] as const).map((format) => ({
    says: `loses and repeats nothing in ${format} files in five kills at random moments`,
    name: `lake ${format}`,
    records: 6000,
    disturbances: 5,
    how: "kill" as const,
    step: { kind: "random" as const, from: 5, to: 60 },
    mode: "batch" as const,
    jitter: 300,
    format,
  })),
];

/** A function that sends later than it says it is done, sends one in fifty twice and changes one in a hundred. */
const LOSES = `setTimeout(() => {
  const { n } = msg.payload;
  if (n % 50 === 1) node.send(RED.util.cloneMessage(msg));
  if (n % 100 === 7) msg.payload.n = n + 1;
  if (n % 100 === 8) msg.payload = { n: 5000 };
  node.send(msg);
}, 30);`;

describe("kill -9 and deploys in mid-flow", () => {
  let folder: string;
  const verdicts = new Map<string, Promise<Verdict>>();

  before(async function services() {
    const { brokers } = await serviceFor(this, "kafka");
    const influx = await serviceFor(this, "influx");
    folder = mkdtempSync(path.join(tmpdir(), "citystream-kill-"));
    const begin = sideBySide(USUAL);
    const sabotage: KillTrial = {
      name: "sabotage",
      records: 3000,
      disturbances: 1,
      how: "kill",
      step: { kind: "random", from: 5, to: 60 },
      code: LOSES,
    };
    for (const trial of [...TRIALS, sabotage]) {
      const around: Surroundings = { brokers, influx, folder: mkdtempSync(path.join(folder, "trial-")) };
      verdicts.set(
        trial.name,
        begin(() => killTrial(around, trial)),
      );
    }
  });
  after(async () => {
    await Promise.allSettled(verdicts.values());
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const verdictOf = async (name: string): Promise<Verdict> => {
    const verdict = await verdicts.get(name);
    if (!verdict) throw new Error(`no trial ${name}`);
    console.log(told(verdict).replaceAll(/^/gmu, "      "));
    return verdict;
  };

  for (const { says, name } of TRIALS)
    it(says, async function kept() {
      this.timeout(600_000);
      assert.deepEqual((await verdictOf(name)).faults, []);
    });

  it("is judged by an observer that finds what a faulty flow loses, doubles and damages", async function found() {
    this.timeout(600_000);
    const { faults, places } = await verdictOf("sabotage");
    for (const [place, { missing, repeated, damaged }] of Object.entries(places)) {
      assert.ok(missing > 0, `${place}: nothing is missing`);
      assert.ok(damaged > 0, `${place}: nothing is damaged`);
      assert.ok(repeated > 0 || place === "influx" || place === "lake", `${place}: nothing is repeated`);
    }
    for (const word of [/kafka: \d+ of 3000 missing/u, /file: \d+ of 3000 missing/u, /was committed, but record/u])
      assert.ok(
        faults.some((fault) => word.test(fault)),
        `no ${word} in ${faults.join("; ")}`,
      );
  });
});

it("kill -9 in mid-flow loses and repeats nothing in HDFS", async function kept() {
  this.timeout(600_000);
  const { brokers } = await serviceFor(this, "kafka");
  const hdfs = await serviceFor(this, "hdfs");
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-kill-"));
  try {
    const verdict = await killTrial(
      { brokers, hdfs, folder },
      {
        name: "lake in HDFS",
        records: 4000,
        disturbances: 3,
        how: "kill",
        step: { kind: "random", from: 5, to: 60 },
        mode: "batch",
        jitter: 300,
        format: "avro",
        inHdfs: true,
      },
    );
    console.log(told(verdict).replaceAll(/^/gmu, "      "));
    assert.deepEqual(verdict.faults, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
