/** Records that reach the lake's writer as runs of lines which nobody has read. */
import assert from "node:assert/strict";
import { avro } from "../../../nodes/lib/formats/avro";
import { parseSchema } from "../../../nodes/lib/formats/schema/parse";
import { BatchFailure } from "../../../nodes/lib/errors";
import { PackedRecords } from "../../../nodes/lib/kafka/packed-records";
import type { LakeRun } from "../../../nodes/lib/lake/place";
import { localStore } from "../../../nodes/lib/lake/local";
import { type FileStore, readAll } from "../../../nodes/lib/lake/store";
import type { WriterOptions } from "../../../nodes/lib/lake/writer";
import { temporaryFolder } from "./stores";
import { range, writerOn } from "./writing";

const line = (offset: number): string => `{ "offset": ${offset} }`;

/** The lines of an answer, with other bytes between them; null is a tombstone. */
function runOf(offsets: readonly number[], textOf: (offset: number) => string | null = line): LakeRun {
  const answer = Buffer.from(offsets.map((offset) => `5e9,${textOf(offset) ?? ""}`).join(""));
  let at = 0;
  const records = offsets.map((offset) => {
    const text = textOf(offset);
    const from = at + 4;
    at = from + Buffer.byteLength(text ?? "");
    const value = text === null ? null : answer.subarray(from, at);
    return { offset, timestamp: 1000 * offset, key: null, value, headers: undefined, size: 9 };
  });
  return {
    lines: new PackedRecords(records),
    from: 0,
    to: offsets.length,
    directory: "d",
    origin: { topic: "t", partition: 0, group: "g" },
  };
}

describe("runs of unread records in a lake", () => {
  let store: FileStore;
  beforeEach(() => (store = localStore(temporaryFolder())));

  const writerWith = (options: Partial<WriterOptions> = {}): ReturnType<typeof writerOn> =>
    writerOn(store, { limits: { records: 10, bytes: 1e9, age: 1e9, idle: 50 }, ...options });
  const linesIn = async (): Promise<string[]> => {
    const names = (await store.list("d")).map(({ name }) => name).filter((name) => !name.startsWith("_"));
    const texts = await Promise.all(names.map(async (name) => (await readAll(store, `d/${name}`)).toString()));
    return texts.flatMap((text) => text.trimEnd().split("\n"));
  };

  it("are stored byte for byte, in files cut after the very record, tombstones too", async () => {
    const writer = writerWith();
    const textOf = (offset: number): string | null => (offset === 12 ? null : line(offset));
    const first = writer.write([runOf(range(0, 24), textOf)], true, "1.1");
    await Promise.all([first, writer.write([runOf(range(25, 33))], true, "1.2")]);
    assert.deepEqual(
      writer.files.map(({ records }) => records),
      [10, 10, 10, 4],
    );
    assert.deepEqual(
      await linesIn(),
      range(0, 33).map((offset) => textOf(offset) ?? "null"),
    );
  });

  it("are cut by bytes and by the records' own time as single records are", async () => {
    const bytes = writerWith({ limits: { records: 1e9, bytes: 45, age: 1e9, idle: 50 } });
    await bytes.write([runOf(range(0, 9))], true, "1.1");
    assert.deepEqual(
      bytes.files.map(({ records }) => records),
      [3, 3, 3, 1],
    );
    const time = writerWith({ node: "node-2", limits: { records: 1e9, bytes: 1e9, age: 1e9, idle: 50, span: 3000 } });
    const run = { ...runOf(range(0, 9)), directory: "e", timeOf: (at: number) => 1000 * at };
    await time.write([run], true, "1.2");
    assert.deepEqual(
      time.files.map(({ records }) => records),
      [4, 4, 2],
    );
  });

  it("are known when they come again, in whole or in part, with gaps or without", async () => {
    await writerWith().write([runOf([0, 1, 2, 5, 6])], true, "1.1");
    const again = writerWith();
    await again.write([runOf([1, 2, 3, 4, 5, 6, 7])], true, "2.1");
    // still in a file that is not published
    const pending = again.write([runOf(range(8, 9))], true, "2.2");
    await Promise.all([pending, again.write([runOf(range(8, 10))], true, "2.3")]);
    assert.deepEqual((await linesIn()).toSorted(), range(0, 10).map(line).toSorted());
  });

  it("that a flow has sent twice under one token are two pieces of each record", async () => {
    const twice = [runOf(range(0, 3)), runOf(range(2, 5))];
    await writerWith().write(twice, true, "1.1");
    await writerWith().write(twice, true, "2.1");
    assert.deepEqual((await linesIn()).toSorted(), [0, 1, 2, 2, 3, 3, 4, 5].map(line).toSorted());
  });

  it("lose no more than the record that does not fit", async () => {
    const schema = parseSchema({ type: "record", name: "R", fields: [{ name: "offset", type: "int" }] });
    const writer = writerWith({ format: () => avro(schema, "none") });
    const failed = writer.write(
      [runOf(range(0, 4), (offset) => (offset === 2 ? '{"offset":"two"}' : line(offset)))],
      true,
      "1.1",
    );
    await assert.rejects(failed, (error) => {
      assert.ok(error instanceof BatchFailure);
      assert.deepEqual(
        error.elements.map(({ index }) => index),
        [2],
      );
      return true;
    });
    assert.deepEqual(
      writer.files.map(({ records }) => records),
      [4],
    );
  });
});
