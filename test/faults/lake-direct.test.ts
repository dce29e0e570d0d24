/**
 * Records that go from Kafka straight into a lake, unread, while the memory that they came in is used again: after kills and
 * deploys in the middle of it every file holds the very bytes of its records, each once.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flowOf, until, type FlowNode } from "../harness";
import type { NodeRedChild } from "../harness/child";
import {
  clusterFor,
  clusterNode,
  kafkaIn,
  newTopic,
  record,
  unique,
  untilCommitted,
  write,
  type Cluster,
} from "../lib/kafka/harness";
import { readBack, type ReadBack } from "../lib/lake/read-back";
import { storedFiles, storedLines } from "../lib/lake/stored-files";
import { redeploy, startMember, stopMember, type Deployment } from "./lab/member";

const PARTITIONS = 4;
const RECORDS = 600_000;
/** Of its number in every place, so that bytes of another record would show. */
const noteOf = (n: number): string => `${n}`.padStart(7, "0").repeat(6);
const textOf = (n: number): string => `{"n":${n},"note":"${noteOf(n)}"}`;
const schema = JSON.stringify({
  type: "record",
  name: "Reading",
  fields: [
    { name: "n", type: "long" },
    { name: "note", type: "string" },
  ],
});

describe("records straight from Kafka into a lake", () => {
  let cluster: Cluster;
  let folder: string;
  let read: ReadBack;
  let topic: string;
  before(async function services() {
    cluster = await clusterFor(this);
    read = await readBack(this);
    topic = await newTopic(cluster.kafka, PARTITIONS);
    for (let from = 0; from < RECORDS; from += 50_000)
      await write(
        cluster.kafka,
        Array.from({ length: 50_000 }, (_, at) => ({
          ...record(topic, Buffer.from(textOf(from + at))),
          partition: at % PARTITIONS,
        })),
      );
  });
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "citystream-direct-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  after(() => cluster?.close());

  const flow = (group: string, format: string, pace: number): FlowNode[] =>
    flowOf(
      clusterNode(cluster.brokers),
      { id: "lake", type: "citystream-lake", address: `file://${folder}/lake`, user: "", timeout: 10 },
      kafkaIn(topic, group, { mode: "batch", valueFormat: "json", sessionTimeout: 6, wires: [["sink"]] }),
      {
        id: "sink",
        type: "citystream-hdfs-sink",
        // Another setting, so that a deploy of what has changed begins the node anew.
        name: `sink ${pace}`,
        lake: "lake",
        directory: "all",
        format,
        ...(format === "parquet" && { schema }),
        rotateRecords: 5000,
        rotateIdle: 0.3,
        wires: [[]],
      },
    );
  const files = (): string[] => storedFiles(path.join(folder, "lake"));

  /** Kills and deploys a process whenever it has stored some more files, until all is committed. */
  const disturbed = async (format: string): Promise<void> => {
    const group = unique("direct");
    let pace = 0;
    const start = (): Promise<NodeRedChild> =>
      startMember({ folder, brokers: cluster.brokers }, "node-red", flow(group, format, pace));
    let member = await start();
    const more = async (): Promise<void> => {
      const before = files().length;
      await until("more files are stored", () => files().length >= before + 6, 120_000);
    };
    const steps: readonly (Deployment | "kill")[] = ["kill", "nodes", "kill", "full", "kill"];
    for (const step of steps) {
      await more();
      if (step === "kill") {
        await member.kill9();
        member = await start();
      } else {
        pace++;
        await redeploy(member, flow(group, format, pace), step);
      }
    }
    await untilCommitted(cluster.kafka, group, topic, RECORDS, 180_000);
    await stopMember(member);
  };

  it("are stored once each, byte for byte, as NDJSON", async function kills() {
    this.timeout(600_000);
    await disturbed("ndjson");
    const seen = new Uint8Array(RECORDS);
    const wrong: string[] = [];
    for (const line of storedLines(path.join(folder, "lake"))) {
      const n = Number(/^\{"n":(\d+),/u.exec(line)?.[1]);
      if (line !== textOf(n)) wrong.push(line);
      else seen[n]!++;
    }
    assert.deepEqual(wrong.slice(0, 3), []);
    assert.deepEqual([seen.findIndex((times) => times === 0), seen.findIndex((times) => times > 1)], [-1, -1]);
  });

  it("are stored once each, value for value, as Parquet that another program reads", async function kills() {
    this.timeout(600_000);
    await disturbed("parquet");
    const seen = new Uint8Array(RECORDS);
    const wrong: unknown[] = [];
    const stored = files();
    for (let at = 0; at < stored.length; at += 20)
      for (const rows of await read("pyarrow", stored.slice(at, at + 20)))
        for (const row of rows) {
          const n = Number(row["n"]);
          if (row["note"] !== noteOf(n)) wrong.push(row);
          else seen[n]!++;
        }
    assert.deepEqual(wrong.slice(0, 3), []);
    assert.deepEqual([seen.findIndex((times) => times === 0), seen.findIndex((times) => times > 1)], [-1, -1]);
  });
});
