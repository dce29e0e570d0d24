/** From a topic into dead letters, and by their replay into a topic again: what nobody changed has the bytes that it had. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { FetchedRecord, OutgoingRecord } from "../../nodes/lib/kafka/port";
import { flowOf, nodeRed, type FlowNode, type Harness } from "../harness";
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

const LONG = 120_000;

/** Each as kafka in takes it apart, and as writing it anew would make another one of it, or the same. */
const RECORDS: readonly Pick<OutgoingRecord, "key" | "value" | "headers">[] = [
  { key: Buffer.from('{"site": 1.0}'), value: Buffer.from('{ "id": 9007199254740993,\n"v":1e2 }') },
  { key: Buffer.from(""), value: Buffer.from('"text"') },
  { key: null, value: Buffer.from("null") },
  { key: Buffer.from('"k"'), value: Buffer.from('{"id":2}') },
  { key: Buffer.from("1"), value: null },
  { key: Buffer.from("2"), value: Buffer.from('{"$date":"2026-01-01T00:00:00.000Z"}') },
  { key: Buffer.from("3"), value: Buffer.from([0xff, 0xfe, 0]) },
  {
    key: Buffer.from("4"),
    value: Buffer.from("[1,  2]"),
    headers: [
      ["text", Buffer.from("täxt")],
      ["bytes", Buffer.from([0xff, 0])],
      ["none", null],
      ["twice", Buffer.from("a")],
      ["twice", Buffer.from([0xfe])],
      ["empty", Buffer.from("")],
      // It was a dead letter once.
      ["__connect.errors.topic", Buffer.from("before")],
      ["__citystream.attempts", Buffer.from("7")],
    ],
  },
];

const wholeOf = ({ key, value, headers = {} }: FetchedRecord) => ({
  key,
  value,
  headers: Object.entries(headers).flatMap(([name, one]) =>
    (Array.isArray(one) ? one : [one]).map((content) => [name, content] as const),
  ),
});
/** In an order that does not depend on which was replayed first. */
const sorted = (all: readonly ReturnType<typeof wholeOf>[]) =>
  all.map((one) => JSON.stringify(one)).toSorted((a, b) => (a < b ? -1 : 1));
const EXPECTED = RECORDS.map(({ key, value, headers = [] }) => ({ key, value, headers: [...headers] }));

describe("dead letter, the bytes of what it replays", () => {
  let cluster: Cluster;
  let red: Harness;
  let folder: string;
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

  /** Makes dead letters of the records. @returns the flow's settings of the node that shows them */
  const bury = async (store: string, mode: string): Promise<Record<string, unknown>> => {
    const topic = await newTopic(cluster.kafka);
    const dead = unique("dead");
    const group = unique("group");
    await write(
      cluster.kafka,
      RECORDS.map((one) => record(topic, null, one)),
    );
    const keyFormat = mode === "batch" ? "text" : "json";
    const sink = { id: "got", type: "function", func: "throw new Error('no');", wires: [[]] };
    const letters = store === "topic" ? { deadLetterTopic: dead } : {};
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        kafkaIn(topic, group, { mode, keyFormat, attempts: 1, deadLetterFolder: folder, ...letters }),
        sink,
      ),
    );
    await red.until(
      "all is buried",
      async () => (await committedOf(cluster.kafka, group, topic)) >= RECORDS.length,
      LONG,
    );
    return store === "topic" ? { store, cluster: "cluster", topic: dead, group: unique("letters") } : { store, folder };
  };
  const show = async (letters: Record<string, unknown>, target: string, ...between: FlowNode[]): Promise<void> => {
    await red.deploy(
      flowOf(
        clusterNode(cluster.brokers),
        { id: "letters", type: "citystream-dead-letter", wires: [[between[0]?.id ?? "out"], ["answers"]], ...letters },
        ...between,
        kafkaOut(target, { wires: [[]] }),
        { id: "answers", type: "test-collect" },
      ),
    );
  };
  let asked = 0;
  const ask = async (topic: string, payload: unknown): Promise<{ letters: { id: string }[]; size: number }> => {
    const before = red.collected("answers").length;
    red.receive("letters", { topic, payload, asked: ++asked });
    return (await red.arrived("answers", before + 1, LONG)).at(-1)?.payload as never;
  };
  const replayAll = async (count: number): Promise<void> => {
    await red.until("all are there", async () => (await ask("list", {})).size === count, LONG);
    await ask("replay", { all: true });
    await red.until("all have gone", async () => (await ask("list", {})).size === 0, LONG);
  };

  for (const store of ["files", "topic"])
    for (const mode of ["record", "batch"]) {
      it(`are those of the source: key, value and headers; letters in ${store === "topic" ? "a topic" : store}, ${mode} mode`, async function bytes() {
        this.timeout(3 * LONG);
        const letters = await bury(store, mode);
        const target = await newTopic(cluster.kafka);
        await show(letters, target);
        // What can't be decoded is a letter of its own; in batch mode the others are one in files.
        await replayAll(mode === "batch" && store === "files" ? 2 : RECORDS.length);
        assert.deepEqual(sorted((await readAll(cluster.kafka, target)).map(wholeOf)), sorted(EXPECTED));
      });
    }

  it("are the source's of those that fail in their replay and are replayed once more", async function again() {
    this.timeout(3 * LONG);
    const letters = await bury("topic", "record");
    const target = await newTopic(cluster.kafka);
    const failing = { id: "failing", type: "function", func: "throw new Error('still no');", wires: [["out"]] };
    await show({ ...letters, attempts: 1 }, target, failing);
    await red.until("all are there", async () => (await ask("list", {})).size === RECORDS.length, LONG);
    await ask("replay", { all: true });
    const back = async (): Promise<number> => (await ask("list", { cause: "still no" })).letters.length;
    await red.until("all are back", async () => (await back()) === RECORDS.length, LONG);
    await show(letters, target);
    await replayAll(RECORDS.length);
    assert.deepEqual(sorted((await readAll(cluster.kafka, target)).map(wholeOf)), sorted(EXPECTED));
  });

  for (const store of ["files", "topic"])
    it(`are new where a person, or the flow, has changed the value; letters in ${store === "topic" ? "a topic" : store}`, async function edited() {
      this.timeout(3 * LONG);
      const letters = await bury(store, "record");
      const target = await newTopic(cluster.kafka);
      const func =
        'if (Array.isArray(msg.payload)) { msg.payload.push(3); msg.headers = { only: "this" }; } return msg;';
      await show(letters, target, { id: "change", type: "function", func, wires: [["out"]] });
      await red.until("all are there", async () => (await ask("list", {})).size === RECORDS.length, LONG);
      const [{ id } = { id: "" }] = (await ask("list", { search: '{"id":9007' })).letters;
      const base = `${red.url}/citystream/dead-letters/letters/${encodeURIComponent(id)}`;
      const { message } = (await (await fetch(base)).json()) as { message: { payload: Record<string, unknown> } };
      const body = JSON.stringify({ message: { ...message, payload: { ...message.payload, mended: true } } });
      const put = await fetch(base, { method: "PUT", headers: { "content-type": "application/json" }, body });
      assert.equal(put.status, 200, await put.text());
      await red.until("the edited one is there", async () => (await ask("list", { search: "mended" })).size > 0, LONG);
      await replayAll(RECORDS.length);
      const [first, ...others] = EXPECTED;
      const last = others.pop();
      assert.deepEqual(
        sorted((await readAll(cluster.kafka, target)).map(wholeOf)),
        sorted([
          { ...first!, value: Buffer.from('{"id":9007199254740992,"v":100,"mended":true}') },
          ...others,
          { ...last!, value: Buffer.from("[1,2,3]"), headers: [["only", Buffer.from("this")]] },
        ]),
      );
    });
});
