import assert from "node:assert/strict";
import { parquet } from "../../../nodes/lib/formats/parquet/parquet";
import { ParquetThread } from "../../../nodes/lib/formats/parquet/thread";
import { type FileStore, type LakeStore, isProblem, readAll, readPart } from "../../../nodes/lib/lake/store";
import { tryStore } from "../../../nodes/lib/lake/open";
import { fileStores, stores } from "./stores";
import { readWhole } from "./whole";

const text = (content: string): Buffer[] => [Buffer.from(content)];
const problem =
  (...problems: Parameters<typeof isProblem>[1][]) =>
  (error: unknown): boolean =>
    isProblem(error, ...problems);

for (const { name, open } of stores) {
  describe(`the lake's store on ${name}`, () => {
    let store: LakeStore;
    before(async function () {
      store = await open(this);
    });
    after(() => store?.close());

    it("keeps what was created, byte for byte, over many pieces", async () => {
      const pieces = Array.from({ length: 40 }, (_, at) => Buffer.alloc(70_001, at));
      await store.create("a/b/big", pieces, { createParent: true });
      assert.deepEqual(await readAll(store, "a/b/big"), Buffer.concat(pieces));
      assert.equal((await store.stat("a/b/big"))?.bytes, 40 * 70_001);
    });

    it("never creates over a file that exists", async () => {
      await store.create("once", text("first"), { createParent: true });
      await assert.rejects(store.create("once", text("second"), { createParent: true }), problem("exists"));
      assert.equal((await readAll(store, "once")).toString(), "first");
    });

    it("lists by name, and nothing for a directory that is not there", async () => {
      await store.create("list/b+1.ndjson", text("12345"), { createParent: true });
      await store.create("list/a/file", text("x"), { createParent: true });
      const listed = (await store.list("list")).map((entry) => [entry.name, entry.directory, entry.bytes] as const);
      assert.deepEqual(
        listed.map(([one, directory]) => [one, directory]),
        [
          ["a", true],
          ["b+1.ndjson", false],
        ],
      );
      assert.equal(listed[1]?.[2], 5);
      assert.deepEqual(await store.list("not/there"), []);
    });

    it("takes any characters that a safe segment may have", async () => {
      const path = "서울 a%2Fb/x+y=1&z;,@~(é)/0000000001+2.ndjson";
      await store.create(path, text("안녕"), { createParent: true });
      assert.equal((await readAll(store, path)).toString(), "안녕");
      const moved = "서울 a%2Fb/moved+%25";
      assert.equal(await (store.kind === "files" ? store.rename(path, moved) : store.copy(path, moved)), true);
      assert.deepEqual(
        (await store.list("서울 a%2Fb")).map((entry) => entry.name),
        ["moved+%25", "x+y=1&z;,@~(é)"],
      );
      assert.equal((await readAll(store, moved)).toString(), "안녕");
    });

    it("removes directories with all in them, and does not mind when there is nothing", async () => {
      await store.create("gone/deep/file", text("x"), { createParent: true });
      await store.remove("gone");
      await store.remove("gone");
      assert.equal(await store.stat("gone/deep/file"), undefined);
    });

    it("reads parts of a file, and Parquet by them", async () => {
      await store.create("part", text("0123456789"), { createParent: true });
      const part = async (offset: number, length: number): Promise<string> =>
        (await readPart(store, "part", offset, length)).toString();
      assert.deepEqual(
        [await part(0, 3), await part(4, 2), await part(8, 5), await part(3, 0)],
        ["012", "45", "89", ""],
      );
      const thread = new ParquetThread();
      const encoder = parquet(undefined, "snappy", thread).begin();
      const rows = Array.from({ length: 1_000 }, (_, n) => ({ n, site: `서울-${n % 3}` }));
      for (const row of rows) encoder.add(row);
      await store.create("rows/a.parquet", await encoder.content(), { createParent: true });
      await thread.end();
      const { payloads, troubles } = await readWhole("", { store, where: "rows", options: { batch: 100 } });
      assert.deepEqual([payloads, troubles], [rows, []]);
    });

    it("reads from an offset on, also from the end", async () => {
      await store.create("tail", text("0123456789"), { createParent: true });
      const from = async (offset: number): Promise<string> => {
        const parts: Uint8Array[] = [];
        for await (const part of await store.read("tail", offset)) parts.push(part);
        return Buffer.concat(parts).toString();
      };
      assert.deepEqual([await from(0), await from(7), await from(10)], ["0123456789", "789", ""]);
    });

    it("says missing when a file to read is not there", async () => {
      await assert.rejects(readAll(store, "no-such-file"), problem("missing"));
    });

    it("is tried out by writing, reading back and removing a file", async () => {
      const trial = await tryStore(store);
      assert.equal(trial.address, store.address);
      assert.deepEqual(await store.list("+tmp"), []);
    });
  });
}

for (const { name, open } of fileStores) {
  describe(`the lake's directories on ${name}`, () => {
    let store: FileStore;
    before(async function () {
      store = await open(this);
    });
    after(() => store?.close());

    it("creates in a directory that exists, and refuses one that is gone when it may not be made", async () => {
      await store.mkdirs("epoch/1");
      await store.create("epoch/1/file", text("x"), { createParent: false });
      assert.equal((await readAll(store, "epoch/1/file")).toString(), "x");
      await store.remove("epoch/1");
      await assert.rejects(store.create("epoch/1/file", text("x"), { createParent: false }), problem("missing"));
      assert.equal(await store.stat("epoch/1"), undefined);
    });

    it("renames once, never over another file, and says when the source or the directory is missing", async () => {
      await store.create("from", text("new"), { createParent: true });
      await store.create("taken", text("old"), { createParent: true });
      assert.equal(await store.rename("from", "taken"), false);
      assert.equal((await readAll(store, "taken")).toString(), "old");
      await assert.rejects(store.rename("from", "nowhere/to"), problem("missing"));
      assert.equal(await store.rename("from", "to"), true);
      assert.equal((await readAll(store, "to")).toString(), "new");
      await assert.rejects(store.rename("from", "again"), problem("missing"));
    });

    it("says that a path through a file can never be", async () => {
      await store.create("plain", text("x"), { createParent: true });
      await assert.rejects(store.mkdirs("plain/below"), problem("invalid"));
    });
  });
}
