import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { csv } from "../../../nodes/lib/formats/csv";
import { ndjson } from "../../../nodes/lib/formats/ndjson";
import { packings } from "../../../nodes/lib/formats/packing";
import { textFile } from "../../../nodes/lib/formats/text-file";
import { Retriable } from "../../../nodes/lib/errors";
import type { LakeRecord } from "../../../nodes/lib/lake/place";
import { type FileStore, type LakeStore, type Store, StoreError, readAll } from "../../../nodes/lib/lake/store";
import { until } from "../../harness";
import { fileStores, stores } from "./stores";
import { forever, from, held, range, writerOn } from "./writing";

const numbered = (first: number, last: number, directory = "d"): LakeRecord[] =>
  Array.from({ length: last - first + 1 }, (_, at) => ({
    ...from(first + at, { offset: first + at }, directory),
    index: at,
  }));

/** Every JSON line below a directory under final names. */
async function linesIn(store: Store, directory = "d"): Promise<unknown[]> {
  const lines: unknown[] = [];
  for (const entry of await store.list(directory)) {
    if (entry.name.startsWith("_") || entry.directory) continue;
    const bytes = await readAll(store, `${directory}/${entry.name}`);
    const text = (entry.name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
    lines.push(
      ...text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    );
  }
  return lines;
}
const offsetsIn = async (store: Store, directory = "d"): Promise<number[]> =>
  ((await linesIn(store, directory)) as { offset: number }[]).map(({ offset }) => offset).sort((a, b) => a - b);
const namesIn = async (store: Store, directory = "d"): Promise<string[]> =>
  (await store.list(directory)).map((entry) => entry.name);

for (const { name, open } of stores) {
  describe(`the lake's writer on ${name}`, () => {
    let store: LakeStore;
    beforeEach(async function () {
      store = await open(this);
    });
    afterEach(() => store?.close());

    it("says stored when the file is there under its final name, and nothing of it is there before", async () => {
      const writer = writerOn(store);
      let stored = false;
      const done = writer.write(numbered(7, 9), true, "1.1").then(() => (stored = true));
      // three lines of 13 bytes: taken into a file, no longer queued
      await until("they are in a file", () => writer.held === 39);
      assert.deepEqual([stored, await namesIn(store)], [false, []]);
      writer.relieve();
      await done;
      assert.match((await namesIn(store)).join(), /^t\+0\+0000000007\+0000000009(\+[0-9a-f]{8})?\.ndjson$/u);
      assert.deepEqual(await offsetsIn(store), [7, 8, 9]);
      await writer.close(1000);
    });

    it("publishes by count, into a directory for each record, and the rest when it closes", async () => {
      const writer = writerOn(store, { limits: { ...forever, records: 10 } });
      const records = range(0, 24).map((offset) => ({
        ...from(offset, { offset }, offset % 2 ? "odd" : "even"),
        index: offset,
      }));
      const done = writer.write(records, true, "1.1");
      await until("the full files are stored", () => writer.files.length === 2);
      await writer.close(5000);
      await done;
      assert.deepEqual(
        await offsetsIn(store, "even"),
        range(0, 24).filter((one) => one % 2 === 0),
      );
      assert.deepEqual(
        await offsetsIn(store, "odd"),
        range(0, 24).filter((one) => one % 2 === 1),
      );
      assert.deepEqual(writer.files.map((file) => file.reason).sort(), ["close", "close", "records", "records"]);
    });

    it("acknowledges what comes again after a restart without writing it twice, gaps and all", async () => {
      const first = writerOn(store);
      const gaps = numbered(0, 20).filter((record) => (record.origin?.offset ?? 0) % 3 !== 1);
      void first.write(gaps, true, "1.1");
      await first.close(5000);
      const second = writerOn(store);
      const again = second.write(numbered(0, 25), true, "2.1");
      await second.close(5000);
      await again;
      assert.deepEqual(await offsetsIn(store), range(0, 25));
      const third = writerOn(store);
      await third.write(numbered(0, 25), true, "3.1");
      assert.equal(third.files.length, 0);
      await third.close(1000);
    });

    it("clears what a crash left behind and loses nothing by it", async () => {
      const crashed = writerOn(store);
      void crashed.write(numbered(0, 4), true, "1.1");
      await crashed.close(5000);
      const lane = `+tmp/${await path(store)}`;
      const [epoch] = (await store.list(lane)).map((entry) => entry.name);
      const left = store.kind === "files" ? `${lane}/${epoch}/77-1` : `${lane}/data/0000000000-earlier/77-1`;
      await store.create(left, [Buffer.from("half a li")], { createParent: true });
      const next = writerOn(store);
      void next.write(numbered(3, 9), true, "2.1");
      await next.close(5000);
      assert.equal(await store.stat(left), undefined);
      assert.deepEqual(await offsetsIn(store), range(0, 9));
    });

    it("lets one writer publish when two believe to own a partition", async () => {
      // ten lines of 13 bytes: taken into a file, no longer queued
      const inFile = 130;
      const zombie = writerOn(store);
      const lost = zombie.write(numbered(0, 9), true, "1.1");
      await until("it has looked at the lake", () => zombie.held === inFile);
      const owner = writerOn(store);
      const kept = owner.write(numbered(0, 9), true, "2.1");
      await until("the owner has looked at the lake", () => owner.held === inFile);
      zombie.relieve();
      await assert.rejects(lost, /another writer has taken over/i);
      owner.relieve();
      await kept;
      assert.deepEqual(await offsetsIn(store), range(0, 9));
      // still the rightful owner after all: it takes a new epoch, finds everything stored and acknowledges
      await zombie.write(numbered(0, 9), true, "1.2");
      assert.deepEqual(await offsetsIn(store), range(0, 9));
      await Promise.all([zombie.close(1000), owner.close(1000)]);
    });
  });
}

/** The one lane's folder below `+tmp`. */
async function path(store: Store): Promise<string> {
  let folder = "";
  for (let depth = 0; depth < 4; depth++) {
    const [entry] = await store.list(`+tmp${folder}`);
    folder += `/${entry?.name}`;
  }
  return folder.slice(1);
}

describe("the lake's writer", () => {
  let store: FileStore;
  beforeEach(async function () {
    store = await (fileStores[0] as (typeof fileStores)[number]).open(this);
  });

  it("publishes a lonely record when its file has grown old or nothing more comes", async () => {
    for (const limits of [
      { ...forever, age: 60 },
      { ...forever, idle: 60 },
    ]) {
      const writer = writerOn(store, { limits, once: false });
      const began = Date.now();
      await writer.write([from(1)], false);
      assert.ok(Date.now() - began < 2000);
      await writer.close(100);
    }
    assert.equal((await linesIn(store)).length, 2);
  });

  it("publishes by the clock what has been begun before, though more records come", async () => {
    const began = Date.now();
    const cut = began + 400;
    const writer = writerOn(store, {
      limits: { ...forever, schedule: (now) => (now < cut ? cut : Infinity) },
    });
    const first = writer.write([from(1)], false, "1.1");
    await first;
    assert.ok(Date.now() >= cut && Date.now() < cut + 1000, `after ${Date.now() - began} ms`);
    void writer.write([from(2)], false, "1.2");
    await writer.close(1000);
    assert.deepEqual(
      writer.files.map(({ reason, records }) => [reason, records]),
      [
        ["schedule", 1],
        ["close", 1],
      ],
    );
  });

  it("puts records that lie far apart by their own time into files of their own", async () => {
    const writer = writerOn(store, { limits: { ...forever, span: 1000 } });
    const done = [0, 500, 1000, 1001, 2001, 900].map((time, at) =>
      writer.write([{ ...from(at), time }], false, `1.${at}`),
    );
    await writer.close(2000);
    await Promise.all(done);
    assert.deepEqual(await namesIn(store), [
      "t+0+0000000000+0000000002.ndjson",
      "t+0+0000000003+0000000004.ndjson",
      "t+0+0000000005+0000000005.ndjson",
    ]);
    assert.deepEqual(writer.files.map(({ reason }) => reason).sort(), ["close", "time", "time"]);
  });

  it("publishes by bytes, and the largest file early when memory runs out", async () => {
    const big = "x".repeat(1000);
    const writer = writerOn(store, { limits: { ...forever, bytes: 5000 } });
    await writer
      .write(
        range(0, 9).map((at) => from(at, big)),
        true,
        "1.1",
      )
      .catch(() => undefined);
    assert.deepEqual(
      writer.files.map((file) => file.reason),
      ["bytes", "bytes"],
    );
    const small = writerOn(store, { memory: 40_000, node: "node-2" });
    void small.write(
      numbered(0, 17, "large").map((record) => ({ ...record, value: big })),
      true,
      "1.2",
    );
    // lines of 1,003 bytes: in a file, no longer queued
    await until("the large file grows", () => small.held === 18 * 1003);
    void small.write(
      numbered(20, 24, "little").map((record) => ({ ...record, value: big })),
      true,
      "1.3",
    );
    await until("memory is relieved", () => small.files.length > 0);
    assert.deepEqual([small.files[0]?.reason, small.files[0]?.path.split("/")[0]], ["memory", "large"]);
    await small.close(1000);
  });

  it("makes room when memory is full, though no file is due", async () => {
    const writer = writerOn(store, { memory: 10_000 });
    for (let at = 0; at < 100; at++) {
      assert.ok(await writer.room(5000), `no room for record ${at}`);
      void writer.write([from(at, "x".repeat(1000))], false, `1.${at}`);
    }
    await writer.close(5000);
    assert.equal((await linesIn(store)).length, 100);
  });

  it("lets files grow while memory is full of others that are being published", async () => {
    const slow = held(store);
    const writer = writerOn(slow.store, { memory: 10_000, limits: { ...forever, bytes: 8000 } });
    const first = writer.write([from(0, "x".repeat(9000), "due")], false, "1.1");
    await until("it is being published", () => slow.begun > 0);
    const second = writer.write([from(1, "x".repeat(3000), "growing")], false, "1.2");
    await until("the other grows", () => writer.held > 12_000);
    assert.equal(await writer.room(0), false);
    writer.relieve();
    slow.open();
    assert.equal(await writer.room(5000), true);
    await first;
    assert.deepEqual(
      writer.files.map(({ reason }) => reason),
      ["bytes"],
    );
    await writer.close(5000);
    await second;
    assert.deepEqual(
      writer.files.map(({ reason }) => reason),
      ["bytes", "close"],
    );
  });

  it("keeps growing files few, publishing the one that rested longest", async () => {
    const writer = writerOn(store, { files: 3 });
    for (const at of range(0, 4)) {
      void writer.write([from(at, { at }, `d${at}`)], false, `1.${at}`);
      await until("it is taken in", () => writer.held >= (at < 3 ? at + 1 : 1));
    }
    await until("two are published", () => writer.files.length >= 2);
    assert.deepEqual(
      writer.files.map((file) => file.reason),
      ["files", "files"],
    );
    await writer.close(1000);
  });

  it("compresses into one gzip stream that any reader takes", async () => {
    const writer = writerOn(store, { format: () => textFile(ndjson, packings.gzip) });
    const done = writer.write(numbered(0, 30_000), true, "1.1");
    await writer.close(5000);
    await done;
    assert.deepEqual(await namesIn(store), ["t+0+0000000000+0000030000.ndjson.gz"]);
    assert.deepEqual(await offsetsIn(store), range(0, 30_000));
  });

  it("begins a new file when CSV columns change, and keeps them from then on", async () => {
    const writer = writerOn(store, { format: () => textFile(csv()) });
    const values = [{ a: 1 }, { a: 2, b: 'x,"y"' }, { a: null, b: "" }, { b: "서울" }];
    const done = writer.write(
      values.map((value, at) => ({ ...from(at), value, index: at })),
      true,
      "1.1",
    );
    await writer.close(5000);
    await done;
    const texts: string[] = [];
    for (const file of await namesIn(store)) texts.push((await readAll(store, `d/${file}`)).toString());
    assert.deepEqual(texts, ["a\n1\n", 'a,b\n2,"x,""y"""\n,""\n,서울\n']);
  });

  it("fails the records that can't be written and stores the others", async () => {
    const writer = writerOn(store);
    const loop: { self?: unknown } = {};
    loop.self = loop;
    const values = [{ ok: 1 }, undefined, loop, { ok: 2 }, Buffer.from("{not json")];
    const done = writer.write(
      values.map((value, at) => ({ ...from(at), value, index: at })),
      true,
      "1.1",
    );
    void done.catch(() => undefined);
    await writer.close(5000);
    await assert.rejects(done, (error: { elements: { index: number; error: Error }[] }) => {
      assert.deepEqual(
        error.elements.map(({ index, error: cause }) => [index, cause.name]),
        [
          [1, "Rejected"],
          [2, "Rejected"],
          [4, "Rejected"],
        ],
      );
      return true;
    });
    assert.deepEqual(await linesIn(store), [{ ok: 1 }, { ok: 2 }]);
  });

  it("keeps every piece that a flow made of one record, and knows each again", async () => {
    const pieces = [from(5, "first"), from(5, "second"), from(6, "third")];
    const writer = writerOn(store);
    const done = Promise.all(pieces.map((piece) => writer.write([piece], false, "1.1")));
    await writer.close(5000);
    await done;
    const next = writerOn(store);
    const again = Promise.all([...pieces, from(6, "fourth")].map((piece) => next.write([piece], false, "2.1")));
    await next.close(5000);
    await again;
    assert.deepEqual((await linesIn(store)).map(String).sort(), ["first", "fourth", "second", "third"]);
  });

  it("joins a record that comes again while it is still in an open file", async () => {
    const writer = writerOn(store);
    const both = Promise.all([writer.write([from(1)], false, "1.1"), writer.write([from(1)], false, "1.2")]);
    await writer.close(5000);
    await both;
    assert.deepEqual(await offsetsIn(store), [1]);
  });

  it("stores records without offsets under unique names that sort by time", async () => {
    const writer = writerOn(store, { limits: { ...forever, records: 1 } });
    for (const at of range(1, 3)) await writer.write([{ value: at, directory: "d", index: 0 }], false, `1.${at}`);
    assert.deepEqual(await linesIn(store), [1, 2, 3]);
    for (const file of await namesIn(store))
      assert.match(file, /^\d{8}T\d{6}\.\d{3}Z\+[0-9a-f]{8}-\d+\+\d{6}\.ndjson$/);
    await writer.close(100);
  });

  it("waits for a lake that is away, says so, and loses nothing", async () => {
    let away = true;
    const told: string[] = [];
    const flaky: FileStore = {
      ...store,
      create: (...args) =>
        away ? Promise.reject(new StoreError("unreachable", "the lake is away")) : store.create(...args),
    };
    const writer = writerOn(flaky, { away: (error) => told.push(error ? error.message : "back") });
    const done = writer.write(numbered(0, 9), true, "1.1");
    await until("it was noticed", () => told.length > 0);
    away = false;
    await until("it is back", () => told.includes("back"));
    writer.relieve();
    await done;
    assert.deepEqual([told[0], told.at(-1)], ["the lake is away", "back"]);
    assert.deepEqual(await offsetsIn(store), range(0, 9));
    await writer.close(100);
  });

  it("recognises a rename whose answer was lost", async () => {
    let first = true;
    const lossy: FileStore = {
      ...store,
      rename: async (a, b) => {
        const renamed = await store.rename(a, b);
        if (!first || b.includes("_")) return renamed;
        first = false;
        throw new StoreError("unreachable", "the connection broke after the request");
      },
    };
    const writer = writerOn(lossy);
    const done = writer.write(numbered(0, 9), true, "1.1");
    await writer.close(5000);
    await done;
    assert.deepEqual(await offsetsIn(store), range(0, 9));
    assert.deepEqual(await namesIn(store), ["t+0+0000000000+0000000009.ndjson"]);
  });

  it("hands back what it could not store when it closes", async () => {
    const dead: FileStore = { ...store, create: () => Promise.reject(new StoreError("full", "the disk is full")) };
    const writer = writerOn(dead);
    const done = writer.write(numbered(0, 3), false, "1.1");
    done.catch(() => undefined);
    await writer.close(50);
    await assert.rejects(done, (error: unknown) => error instanceof Retriable && error.unreachable);
  });
});
