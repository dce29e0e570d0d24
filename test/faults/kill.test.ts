/**
 * The promise under kill -9: a backlog of numbered records flows kafka-in → function → delay → kafka-out and file, the
 * Node-RED process is killed ten times on the way, and an observer that reads Kafka and the file itself counts.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startChild, type NodeRedChild } from "../harness/child";
import { flowOf, until } from "../harness";
import {
  clusterFor,
  clusterNode,
  committedOf,
  kafkaIn,
  kafkaOut,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";

const RECORDS = 20_000;
/** Records in flight at most: what may come again after a kill, and again in the file and the topic. */
const SPAN = 500;

interface Count {
  readonly sent: number;
  readonly arrived: number;
  readonly missing: number;
  readonly repeated: number;
  readonly invented: number;
}

const count = (arrived: readonly number[]): Count => {
  const distinct = new Set(arrived);
  const invented = [...distinct].filter((n) => !(Number.isInteger(n) && n >= 0 && n < RECORDS)).length;
  const missing = Array.from({ length: RECORDS }, (_, n) => n).filter((n) => !distinct.has(n)).length;
  return { sent: RECORDS, arrived: arrived.length, missing, repeated: arrived.length - distinct.size, invented };
};

describe("kill -9 in mid-flow", () => {
  let cluster: Cluster;
  let folder: string;
  let child: NodeRedChild | undefined;

  before(async function services() {
    cluster = await clusterFor(this);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-kill-"));
  });
  afterEach(async () => {
    await child?.kill9();
    child = undefined;
  });
  after(async () => {
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  for (const [mode, kills] of [
    ["record", 10],
    ["batch", 4],
  ] as const)
    it(`loses nothing of ${RECORDS} records in ${kills} kills (${mode} mode)`, async function killed() {
      this.timeout(600_000);
      const input = await newTopic(cluster.kafka, 2);
      const output = await newTopic(cluster.kafka, 2);
      const group = unique("kill");
      const file = path.join(folder, `${mode}.txt`);
      const userDir = path.join(folder, mode);
      mkdirSync(userDir);
      await write(
        cluster.kafka,
        Array.from({ length: RECORDS }, (_, n) => record(input, n, { partition: n % 2 })),
      );
      const flowFile = path.join(folder, `${mode}.json`);
      const place = { wires: [] as string[][] };
      const lines = mode === "batch" ? "msg.payload.map(one => one.payload).join('\\n')" : "msg.payload";
      const flow = flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(input, group, {
          mode,
          batchRecords: 50,
          spanRecords: SPAN,
          commitInterval: 100,
          commitRecords: 200,
          wires: [["function"]],
        }),
        { ...place, id: "function", type: "function", func: "return msg;", outputs: 1, wires: [["delay"]] },
        {
          ...place,
          id: "delay",
          type: "delay",
          pauseType: "random",
          randomFirst: "5",
          randomLast: "60",
          randomUnits: "milliseconds",
          wires: [["out", "lines"]],
        },
        kafkaOut(output, { wires: [[]] }),
        {
          ...place,
          id: "lines",
          type: "function",
          func: `msg.payload = ${lines}; return msg;`,
          outputs: 1,
          wires: [["file"]],
        },
        {
          ...place,
          id: "file",
          type: "file",
          filename: file,
          filenameType: "str",
          appendNewline: true,
          createDir: false,
          overwriteFile: "false",
          encoding: "none",
        },
      );
      writeFileSync(flowFile, JSON.stringify(flow));

      const inFile = (): number[] =>
        existsSync(file)
          ? readFileSync(file, "utf8")
              .split("\n")
              .filter((line) => line !== "")
              .map(Number)
          : [];
      const committed = (): Promise<number> => committedOf(cluster.kafka, group, input);
      const seen = async (): Promise<unknown> => ({
        committed: await cluster.kafka.committed(group, input),
        stored: count((await readAll(cluster.kafka, output)).map(({ value }) => Number(value?.toString()))),
        inFile: count(inFile()),
      });
      let before = 0;
      for (let kill = 1; kill <= kills; kill++) {
        child = await startChild({ userDir, flowFile });
        const goal = Math.round((RECORDS * kill) / (kills + 1));
        await until(`${goal} records committed`, async () => (await committed()) >= goal, 120_000, seen);
        await child.kill9();
        child = undefined;
        const now = await cluster.kafka.committed(group, input);
        const total = await committed();
        assert.ok(total >= before, `the committed offset moved back from ${before} to ${total}`);
        before = total;
        // Never beyond the oldest unfinished record: everything before a committed offset has arrived, in both sinks.
        const written = new Set(inFile());
        const stored = new Set((await readAll(cluster.kafka, output)).map(({ value }) => Number(value?.toString())));
        for (const { partition, offset } of now)
          for (let n = 0; n < offset; n++) {
            const number = n * 2 + partition;
            assert.ok(written.has(number), `offset ${n} of partition ${partition} is committed, but not in the file`);
            assert.ok(stored.has(number), `offset ${n} of partition ${partition} is committed, but not in Kafka`);
          }
      }
      child = await startChild({ userDir, flowFile });
      await until("everything committed", async () => (await committed()) === RECORDS, 120_000, seen);
      await child.stop();
      child = undefined;

      const found = {
        kafka: count((await readAll(cluster.kafka, output)).map(({ value }) => Number(value?.toString()))),
        file: count(inFile()),
      };
      console.log(`      kafka: ${JSON.stringify(found.kafka)}\n      file:  ${JSON.stringify(found.file)}`);
      for (const sink of [found.kafka, found.file]) {
        assert.deepEqual([sink.missing, sink.invented], [0, 0]);
        // Both partitions may have a span in flight at each kill, and what was finished since the last commit.
        assert.ok(sink.repeated <= kills * 2 * (SPAN + 200), `${sink.repeated} repeated`);
      }
    });
});
