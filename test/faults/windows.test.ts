/**
 * Windows under kill -9: records flow kafka-in → delay → window-batcher → kafka-out, the process is killed in mid-window,
 * and an observer that reads the results from Kafka counts: every window is there whole, in at least one of its versions;
 * with records on disk, in each of them.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

const RECORDS = 6000;
const KILLS = 3;
const KEYS = 5;
const T0 = Date.UTC(2017, 1, 28, 15);
/** A record every 100 ms of event time. */
const timeOf = (n: number): number => T0 + n * 100;

interface Version {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly ids: readonly number[];
  readonly partial?: boolean;
}

describe("windows under kill -9", () => {
  let cluster: Cluster;
  let folder: string;
  let child: NodeRedChild | undefined;

  before(async function services() {
    cluster = await clusterFor(this);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-windows-"));
  });
  after(async () => {
    await child?.kill9();
    await cluster?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const versionsOf = async (output: string): Promise<Version[]> =>
    (await readAll(cluster.kafka, output)).map(({ value }) => JSON.parse(String(value)) as Version);

  for (const [shape, size, hop, kept] of [
    ["tumbling", 10_000, 10_000, "source"],
    ["hopping", 10_000, 5_000, "source"],
    ["tumbling", 10_000, 10_000, "disk"],
    ["hopping", 10_000, 5_000, "disk"],
  ] as const)
    it(`are whole: none lost, none only in parts, after ${KILLS} kills (${shape}, records kept by: ${kept})`, async function killed() {
      this.timeout(300_000);
      const forever = { "retention.ms": "-1" };
      const input = await newTopic(cluster.kafka, 2, forever);
      const output = await newTopic(cluster.kafka, 1, forever);
      const group = unique("windows");
      const reading = (n: number, partition: number, timestamp: number) =>
        record(input, { id: n, key: `k${n % KEYS}` }, { partition, timestamp });
      await write(cluster.kafka, [
        ...Array.from({ length: RECORDS }, (_, n) => reading(n, n % 2, timeOf(n))),
        // What ends the last windows: their own never end.
        ...[0, 1].map((partition) => reading(RECORDS + partition, partition, timeOf(RECORDS) + 60_000)),
      ]);
      const flowFile = path.join(folder, `${shape}-${kept}.json`);
      const wires = [["window"]];
      writeFileSync(
        flowFile,
        JSON.stringify(
          flowOf(
            clusterNode(cluster.brokers),
            kafkaIn(input, group, {
              mode: "batch",
              batchRecords: 20,
              spanRecords: 500,
              commitInterval: 50,
              wires: [["slow"]],
            }),
            {
              id: "slow",
              type: "delay",
              pauseType: "rate",
              rate: "60",
              nbRateUnits: "1",
              rateUnits: "second",
              drop: false,
              wires,
            },
            {
              id: "window",
              type: "citystream-window-batcher",
              key: "payload.key",
              size: `${size} ms`,
              hop: `${hop} ms`,
              disorder: "1 s",
              partitions: 2,
              kept,
              checkpointEvery: 0.1,
              wires: [["brief"], ["late"]],
            },
            {
              id: "brief",
              type: "function",
              outputs: 1,
              func: "const { key, start, end, partial } = msg.window; msg.payload = { key, start, end, partial, ids: msg.payload.map(({ payload }) => payload.id) }; return msg;",
              wires: [["out"]],
            },
            {
              id: "late",
              type: "function",
              outputs: 1,
              func: "msg.payload = { late: true }; return msg;",
              wires: [["out"]],
            },
            kafkaOut(output, { wires: [[]] }),
          ),
        ),
      );
      const expected = new Map<string, number[]>();
      for (let n = 0; n < RECORDS; n++)
        for (let start = Math.floor(timeOf(n) / hop) * hop; start > timeOf(n) - size; start -= hop) {
          const name = `k${n % KEYS} ${start}`;
          if (!expected.has(name)) expected.set(name, []);
          expected.get(name)?.push(n);
        }
      for (let kill = 0; kill <= KILLS; kill++) {
        child = await startChild({ userDir: folder, flowFile });
        // Windows hold the newest records, so the last goal is what lies before them.
        const goal = Math.round((RECORDS * (kill + 1)) / (KILLS + 1)) - (kill < KILLS ? 300 : 0);
        const isLast = kill === KILLS;
        await until(
          `${goal} records committed`,
          async () =>
            (await committedOf(cluster.kafka, group, input)) >= goal &&
            // What was committed may be on disk, and its window yet to come.
            (!isLast || (await versionsOf(output)).length >= expected.size),
          120_000,
          async () => ({
            committed: await cluster.kafka.committed(group, input),
            versions: (await versionsOf(output)).length,
          }),
        );
        await child.kill9();
        child = undefined;
      }
      const versions = await versionsOf(output);
      const whole = new Set<string>();
      let short = 0;
      for (const { key, start, ids, partial } of versions) {
        const name = `${key} ${start}`;
        const all = expected.get(name) ?? [];
        assert.ok(all.length > 0, `${name} is no window of these records`);
        for (const id of ids) assert.ok(all.includes(id), `record ${id} does not belong to ${name}`);
        if (String(ids) === String(all)) whole.add(name);
        else {
          short++;
          assert.equal(kept, "source", `${name} lacks records although they are kept on disk`);
          assert.equal(partial, true, `${name} lacks records and does not say so`);
          assert.ok(whole.has(name), `${name} came in parts before it came whole`);
        }
      }
      const lost = [...expected.keys()].filter((name) => !whole.has(name));
      console.log(
        `      ${expected.size} windows expected, ${versions.length} versions came: ${whole.size} whole, ` +
          `${versions.length - whole.size - short} of these again, ${short} in parts`,
      );
      assert.deepEqual(lost, []);
    });
});
