/** Dead letters of decoded records: their bytes are not always what JSON written anew would be. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message } from "../../nodes/lib/delivery/contract";
import { decodeDeadLetter } from "../../nodes/lib/delivery/dead-letter-format";
import { letterOfRecord } from "../../nodes/lib/kafka/dead-letter-record";
import { flowOf, nodeRed, type Harness } from "../harness";
import {
  clusterFor,
  clusterNode,
  collect,
  committedOf,
  kafkaIn,
  newTopic,
  readAll,
  record,
  unique,
  write,
  type Cluster,
} from "../lib/kafka/harness";

describe("kafka in, what it keeps of records that it has decoded", () => {
  let cluster: Cluster;
  let red: Harness;
  let folder: string;
  const deploy = async (topics: string, group: string, more: Record<string, unknown> = {}, manual = false) => {
    red.logs.length = 0;
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topics, group, { deadLetterFolder: folder, ...more }),
        collect("got", manual),
      ),
    );
  };
  const letters = () =>
    readdirSync(folder).flatMap((file) =>
      readFileSync(path.join(folder, file), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map(decodeDeadLetter),
    );

  before(async function services() {
    cluster = await clusterFor(this);
    red = await nodeRed();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-letters-"));
  });
  afterEach(async () => {
    await red?.deploy([]);
    rmSync(folder, { recursive: true, force: true });
  });
  after(() => cluster?.close());

  for (const delivery of ["atLeastOnce", "exactlyOnce"])
    for (const mode of ["record", "batch"])
      it(`keeps the bytes of what it decoded in dead letters, in files and in topics: ${delivery}, ${mode} mode`, async () => {
        const topic = await newTopic(cluster.kafka);
        const dead = unique("dead");
        // An integer that no JavaScript number is, and spaces; the second is as JSON.stringify writes it.
        const values = ['{ "id": 9007199254740993 }', '{"id":2}'].map((text) => Buffer.from(text));
        const key = Buffer.from('{"site": 1.0}');
        await write(
          cluster.kafka,
          values.map((value) => record(topic, value, { key })),
        );
        const bury = async (more: Record<string, unknown>): Promise<void> => {
          const group = unique("group");
          await deploy(topic, group, { delivery, mode, keyFormat: "json", attempts: 1, ...more }, true);
          let seen = 0;
          await red.until("all is buried", async () => {
            for (const { done } of red.collected("got").slice(seen)) {
              seen++;
              done(new Error("sink says no"));
            }
            return (await committedOf(cluster.kafka, group, topic)) >= 2;
          });
        };
        await bury({});
        const [first] = letters();
        const message = mode === "batch" ? (first?.message.payload as Message[])[0] : first?.message;
        assert.deepEqual(message?.payload, { id: 9007199254740992 });
        assert.deepEqual(first?.originals?.[0], { value: values[0], key });
        assert.deepEqual(letters().flatMap(({ originals = [] }) => originals)[1], { key });
        await bury({ deadLetterTopic: dead });
        const stored = await readAll(cluster.kafka, dead);
        assert.deepEqual(
          stored.map((one) => [one.value, one.key]),
          values.map((value) => [value, key]),
        );
        const [back] = stored.map((one) => letterOfRecord(dead, 0, one));
        assert.deepEqual([back?.message.payload, back?.message["key"]], [{ id: 9007199254740992 }, { site: 1 }]);
        assert.deepEqual(back?.originals, [{ value: values[0], key }]);
      });
});
