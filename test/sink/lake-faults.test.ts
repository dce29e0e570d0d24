/** The lake's sink under faults, with an observer that reads the stored files itself. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Context } from "mocha";
import { openStore } from "../../nodes/lib/lake/open";
import { readAll, type Store } from "../../nodes/lib/lake/store";
import { serviceFor } from "../../tools/services/for-test";
import { laboratory, runtimeWithTestNodes } from "../delivery/nodes";
import { flowOf, until, type FlowNode, type Harness } from "../harness";
import { startChild } from "../harness/child";
import { clusterFor, clusterNode, kafkaIn, newTopic, record, unique, write, type Cluster } from "../lib/kafka/harness";
import { freshRoot, temporaryFolder } from "../lib/lake/stores";

const sink = (more: Record<string, unknown> = {}): FlowNode => ({
  id: "sink",
  type: "citystream-hdfs-sink",
  lake: "lake",
  directory: "{{payload.site}}",
  rotateIdle: 0.2,
  wires: [[]],
  ...more,
});
const lakeNode = (address: string, user = ""): FlowNode => ({
  id: "lake",
  type: "citystream-lake",
  address,
  user,
  timeout: 5,
});

/** Numbers in all files under final names, in every directory of the lake. */
async function numbersIn(store: Store): Promise<number[]> {
  const numbers: number[] = [];
  for (const site of await store.list("")) {
    if (site.name.startsWith("+")) continue;
    for (const file of await store.list(site.name)) {
      if (file.name.startsWith("_")) continue;
      const text = (await readAll(store, `${site.name}/${file.name}`)).toString();
      assert.ok(text.endsWith("\n"), `${file.name} is torn`);
      numbers.push(
        ...text
          .trimEnd()
          .split("\n")
          .map((line) => (JSON.parse(line) as { id: number }).id),
      );
    }
  }
  return numbers.sort((a, b) => a - b);
}

/** What an observer says of numbers that should be 0…count−1, once each. */
function verdict(numbers: readonly number[], count: number): { missing: number; repeated: number; invented: number } {
  const seen = new Set(numbers);
  const invented = [...seen].filter((one) => one < 0 || one >= count).length;
  return { missing: count - (seen.size - invented), repeated: numbers.length - seen.size, invented };
}

describe("the lake under faults", () => {
  describe("in the flow of a source", () => {
    let red: Harness;
    before(async () => {
      red = await runtimeWithTestNodes();
    });
    beforeEach(() => laboratory.reset());
    afterEach(() => red.deploy([]));

    const deploy = (address: string, user = ""): Promise<void> =>
      red.deploy(flowOf(lakeNode(address, user), { id: "s", type: "test-source", wires: [["sink"]] }, sink()));
    const deliver = (from: number, to: number): void => {
      for (let id = from; id < to; id++)
        laboratory.source("s").deliver(id, () => ({ site: `s${id % 3}`, id }), {
          source: { kind: "kafka", topic: "t", partition: 0, offset: id, group: "g" },
        });
    };

    it("loses and repeats nothing while the name node is killed, gone and back", async function () {
      const hdfs = await serviceFor(this, "hdfs", { own: true });
      const root = freshRoot();
      await deploy(`${hdfs.url}${root}`, hdfs.user);
      const source = laboratory.source("s");
      deliver(0, 200);
      await red.until("some are stored", () => source.count("delivered") === 200);
      const nameNode = hdfs.processes.get("namenode");
      deliver(200, 300);
      await nameNode?.kill9();
      deliver(300, 500);
      await red.until("the sink is red", () => red.status("sink")?.fill === "red");
      assert.ok(red.logs.some((entry) => /Records wait, none is lost/.test(String(entry.msg))));
      await hdfs.start();
      await red.until("all are acknowledged", () => source.count("delivered") === 500, 120_000);
      const store = openStore({ address: `${hdfs.url}${root}`, user: hdfs.user });
      assert.deepEqual(verdict(await numbersIn(store), 500), { missing: 0, repeated: 0, invented: 0 });
      assert.equal(Math.max(...source.tries.values()), 1);
      store.close();
      await hdfs.stop();
    });

    it("waits while the disk is full, and stores everything once there is room", async function () {
      const folder = tinyDisk(this);
      const blocker = path.join(folder, "blocker");
      try {
        await deploy(`file://${folder}/lake`);
        writeFileSync(blocker, Buffer.alloc(1_000_000));
        fill(path.join(folder, "rest"));
        deliver(0, 300);
        await red.until("the sink is red", () => red.status("sink")?.fill === "red");
        assert.ok(red.logs.some((entry) => /disk is full/.test(String(entry.msg))));
        assert.equal(laboratory.source("s").outcomes.size, 0);
        execFileSync("rm", [blocker]);
        await red.until("all are acknowledged", () => laboratory.source("s").count("delivered") === 300, 60_000);
        const store = openStore({ address: `file://${folder}/lake`, user: "" });
        assert.deepEqual(verdict(await numbersIn(store), 300), { missing: 0, repeated: 0, invented: 0 });
      } finally {
        await red.deploy([]);
        execFileSync("umount", ["-l", folder]);
      }
    });
  });

  describe("from Kafka, in a process that is killed", () => {
    const COUNT = 20_000;
    let cluster: Cluster;
    before(async function () {
      cluster = await clusterFor(this);
    });
    after(() => cluster?.close());

    interface Kept {
      readonly name: string;
      /** The lake's node, what its process needs, and the folder in which an observer finds the files. */
      place(context: Context): Promise<{ lake: FlowNode; env: Record<string, string>; folder: string }>;
    }
    const kept: readonly Kept[] = [
      {
        name: "a folder",
        async place() {
          const folder = path.join(temporaryFolder(), "lake");
          return { lake: lakeNode(`file://${folder}`), env: {}, folder };
        },
      },
      {
        name: "S3",
        async place(context) {
          const { url, bucket, folder, accessKeyId, secretAccessKey } = await serviceFor(context, "s3");
          const root = freshRoot();
          return {
            lake: { ...lakeNode(`s3://${bucket}${root}`), endpoint: url },
            env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
            folder: path.join(folder, root),
          };
        },
      },
    ];

    for (const { name, place } of kept)
      it(`finds every record once in ${name} after three kills in mid-write`, async function () {
        this.timeout(300_000);
        const topic = await newTopic(cluster.kafka, 2);
        const records = Array.from({ length: COUNT }, (_, id) =>
          record(topic, { site: `s${id % 5}`, id }, { partition: id % 2 }),
        );
        await write(cluster.kafka, records);
        const { lake, env, folder } = await place(this);
        const flowFile = path.join(temporaryFolder(), "flow.json");
        const nodes = flowOf(
          clusterNode(cluster.brokers),
          kafkaIn(topic, unique("lake"), { wires: [["slow"]], spanRecords: 2000 }),
          // half of the records pass at once, the others late: what reaches the sink is out of order
          {
            id: "slow",
            type: "function",
            outputs: 1,
            func: "setTimeout(() => { node.send(msg); node.done(); }, msg.payload.id % 2 ? 0 : 15); return null;",
            wires: [["sink"]],
          },
          lake,
          sink({ rotateRecords: 150, rotateIdle: 0.3, rotateAge: 1 }),
        );
        writeFileSync(flowFile, JSON.stringify(nodes));
        const store = openStore({ address: `file://${folder}`, user: "" });
        const stored = async (): Promise<number> => (await numbersIn(store)).length;
        const found: number[] = [];
        for (const goal of [3000, 6000, 9000, COUNT]) {
          const userDir = temporaryFolder();
          const child = await startChild({ userDir, flowFile, env });
          try {
            await until(
              `${goal} are stored`,
              async () => (await stored()) >= goal,
              60_000,
              async () => `${await stored()} stored, ${await child.state()}`,
            );
          } finally {
            await child.kill9();
          }
          found.push(await stored());
        }
        assert.deepEqual(verdict(await numbersIn(store), COUNT), { missing: 0, repeated: 0, invented: 0 });
        assert.ok(
          found.slice(0, 3).every((one) => one < COUNT),
          `killed only after everything was stored: ${found.join()}`,
        );
      });
  });
});

/** A file system of 2 MB, where this process may mount one. */
function tinyDisk(context: Context): string {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], { stdio: "pipe" });
  } catch {
    console.warn("      skipped: this user may not mount a small file system");
    return context.skip();
  }
  return folder;
}

/** Takes what room is left. */
function fill(file: string): void {
  try {
    for (let at = 0; ; at++) writeFileSync(`${file}${at}`, Buffer.alloc(4096));
  } catch {
    // full
  }
}
