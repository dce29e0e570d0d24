/** States on disk: whole checkpoints or none, wherever a file ends. */
import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { deserialize, serialize } from "node:v8";
import * as fc from "fast-check";
import type { Contained } from "../../../nodes/lib/state/contained";
import { StateStore } from "../../../nodes/lib/state/store";
import type { StoreOptions } from "../../../nodes/lib/state/store-options";

describe("a store of states", () => {
  let folder: string;
  const warnings: string[] = [];
  const opened: StateStore[] = [];

  const open = async (more: Partial<StoreOptions> = {}): Promise<{ store: StateStore; contained: Contained[] }> => {
    const contained: Contained[] = [];
    const store = await StateStore.open(
      { directory: folder, format: "one", ttl: Infinity, most: 1e6, warn: (text) => warnings.push(text), ...more },
      (list) => contained.push(...list),
    );
    opened.push(store);
    return { store, contained };
  };
  const write = (store: StateStore, states: Record<string, unknown>, now = 1, added: Contained[] = []) =>
    store.write(new Map(Object.entries(states)), added, () => added, now);
  const files = (): string[] => readdirSync(folder).sort();
  const inFolder = (name: string): string => path.join(folder, name);

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-state-"));
    warnings.length = 0;
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("gives back what the last checkpoint of each key held, and the records that it contained", async () => {
    const { store } = await open();
    await write(store, { a: { n: 1 }, 나: ["값"] }, 1, [["p", "1/a", 1]]);
    await write(store, { a: { n: 2 } }, 2, [["p", "2/a", 2, { alarm: "높음" }]]);
    assert.deepEqual([store.read("a", 2), store.read("나", 2), store.read("none", 2)], [{ n: 2 }, ["값"], undefined]);
    await store.close();
    const again = await open();
    assert.equal(again.store.keys, 2);
    assert.deepEqual([again.store.read("a", 2), again.store.read("나", 2)], [{ n: 2 }, ["값"]]);
    assert.deepEqual(again.contained, [
      ["p", "1/a", 1],
      ["p", "2/a", 2, { alarm: "높음" }],
    ]);
    assert.deepEqual(warnings, []);
  });

  it("forgets a key with the checkpoint that says it has no state, for good", async () => {
    const { store } = await open();
    await write(store, { a: 1, b: 2, c: 3 });
    await write(store, { a: undefined, c: 4, d: undefined });
    assert.deepEqual([[...store.all()], store.read("a", 1), store.read("c", 1)], [["b", "c"], undefined, 4]);
    await store.close();
    const { store: again } = await open();
    assert.deepEqual([[...again.all()], again.read("a", 1), again.read("c", 1)], [["b", "c"], undefined, 4]);
  });

  it("holds states in the bytes of another codec", async () => {
    const codec = { encode: serialize, decode: deserialize };
    const { store } = await open({ codec });
    const state = { at: new Date(5), bytes: Buffer.from([0, 255]), many: 2n ** 60n, none: undefined };
    await write(store, { a: state });
    await store.close();
    const { store: again } = await open({ codec });
    const found = again.read("a", 1) as typeof state;
    assert.deepEqual({ ...found, bytes: Buffer.from(found.bytes) }, state);
  });

  it("writes what was said by the results of a file, which know what stands in it already, and no other file", async () => {
    /** A text that was said before is its number. */
    const results = () => {
      const [numbers, texts] = [new Map<unknown, number>(), [] as unknown[]];
      return {
        encode(text: unknown): unknown {
          const number = numbers.get(text);
          if (number === undefined) numbers.set(text, numbers.size);
          return number ?? text;
        },
        decode(value: unknown): unknown {
          if (typeof value === "number") return texts[value];
          texts.push(value);
          return value;
        },
      };
    };
    const said = (offset: number, text: string): Contained => ["p", `${offset}/a`, offset, text];
    const all = [said(1, "low"), said(2, "high"), said(3, "low"), said(4, "high")];
    const { store } = await open({ results, segmentBytes: 1 });
    const add = (n: number) => store.write(new Map([["a", n]]), all.slice(n - 1, n), () => all.slice(0, n), n);
    for (const n of [1, 2, 3, 4]) await add(n);
    const written = files().map((name) => readFileSync(inFolder(name), "latin1"));
    assert.deepEqual(
      written.map((text) => text.split("low").length - 1),
      [1],
      "once in the file that is left",
    );
    await store.close();
    const again = await open({ results });
    assert.deepEqual(again.contained.slice(-4), all);
  });

  it("holds a checkpoint as a whole or not at all, wherever a kill has cut its file off", async () => {
    const { store } = await open();
    const ends: number[] = [];
    for (let n = 1; n <= 4; n++) {
      await write(store, { a: n, b: n }, n, [["p", `${n}/a`, n]]);
      ends.push(statSync(inFolder(files()[0] ?? "")).size);
    }
    await store.close();
    const [name = ""] = files();
    const whole = readFileSync(inFolder(name));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (cut) => {
        for (const file of files()) rmSync(inFolder(file));
        writeFileSync(inFolder(name), whole);
        truncateSync(inFolder(name), cut);
        const { store: found, contained } = await open();
        const checkpoints = ends.filter((end) => end <= cut).length;
        const expected = checkpoints === 0 ? undefined : checkpoints;
        assert.deepEqual([found.read("a", 9), found.read("b", 9)], [expected, expected]);
        assert.equal(contained.length, checkpoints);
        // It goes on from there.
        await write(found, { a: "next" }, 9);
        await found.close();
        const { store: last } = await open();
        assert.deepEqual([last.read("a", 9), last.read("b", 9)], ["next", expected]);
        await last.close();
      }),
      { numRuns: 60 },
    );
    assert.deepEqual(warnings, []);
  });

  it("tells where a file is damaged, and keeps what lies before and in other files", async () => {
    const { store } = await open({ segmentBytes: 1 });
    await write(store, { a: 1 });
    await store.close();
    const next = await open();
    await write(next.store, { b: 1 });
    await write(next.store, { c: 1 });
    await write(next.store, { d: 1 });
    await next.store.close();
    const [, second = ""] = files();
    const bytes = readFileSync(inFolder(second));
    bytes[bytes.indexOf('"c"') + 1] = 120;
    writeFileSync(inFolder(second), bytes);
    const { store: found } = await open();
    assert.deepEqual(
      ["a", "b", "c", "d"].map((key) => found.read(key, 1)),
      [1, 1, undefined, undefined],
    );
    assert.match(warnings.join(), /0000000002\.state is damaged at byte \d+: states written there after that are lost/);
  });

  it("does not take more than twice the disk of what is in use, and loses no state by that", async () => {
    const { store } = await open({ segmentBytes: 20_000 });
    const text = "x".repeat(90);
    const all = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, { n, text }]));
    await write(store, all);
    for (let round = 0; round < 300; round++)
      await write(store, Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`k${n}`, { n: round, text }])), 2);
    const { all: used, live } = store.bytes;
    assert.ok(used < 2 * live + 3 * 20_000, `${used} bytes for ${live}`);
    assert.equal(
      files().reduce((sum, name) => sum + statSync(inFolder(name)).size, 0),
      used,
    );
    await store.close();
    const { store: again } = await open();
    assert.equal(again.keys, 500);
    for (let n = 0; n < 500; n++) assert.deepEqual(again.read(`k${n}`, 2), { n: n < 20 ? 299 : n, text });
  });

  it("forgets keys whose time is over, and those unused for longest when there are too many, for good", async () => {
    const { store } = await open({ ttl: 100, most: 3 });
    await write(store, { old: 1, a: 1 }, 1000);
    await write(store, { a: 2 }, 1090);
    assert.equal(store.read("old", 1101), undefined);
    assert.deepEqual(await write(store, { b: 1 }, 1150), ["old"]);
    assert.equal(store.keys, 2);
    assert.deepEqual(await write(store, { c: 1, d: 1 }, 1160), ["a"]);
    await store.close();
    const { store: again } = await open({ ttl: 100, most: 3 });
    assert.deepEqual(
      ["old", "a", "b", "c", "d"].map((key) => again.read(key, 1200)),
      [undefined, undefined, 1, 1, 1],
    );
  });

  it("sets states of other settings aside, and has them again under the old ones", async () => {
    const { store } = await open();
    await write(store, { a: 1 });
    await store.close();
    const { store: other, contained } = await open({ format: "two" });
    assert.equal(other.read("a", 1), undefined);
    assert.deepEqual(contained, []);
    assert.match(warnings.join(), /is of other settings \(one\): every key begins anew; go back/);
    await write(other, { a: "two" });
    await other.close();
    const aside = files().find((name) => name.endsWith(".other")) ?? "";
    for (const name of files()) if (name !== aside) rmSync(inFolder(name));
    copyFileSync(inFolder(aside), inFolder(aside.replace(".other", "")));
    const { store: back } = await open();
    assert.equal(back.read("a", 1), 1);
  });

  it("refuses a folder that another has open, and one that is a file", async () => {
    await open();
    await assert.rejects(open(), /ConfigError: .*is in use by another process; give each its own folder/);
    writeFileSync(inFolder("file"), "");
    await assert.rejects(open({ directory: inFolder("file") }), /ConfigError: the folder .*file can't be used: /);
  });

  it("changes nothing when the disk refuses, and goes on when it works again", async () => {
    const { store } = await open({ segmentBytes: 1 });
    await write(store, { a: 1 });
    renameSync(folder, `${folder}-away`);
    await assert.rejects(write(store, { a: 2 }), /ENOENT/);
    renameSync(`${folder}-away`, folder);
    assert.equal(store.read("a", 1), 1);
    await write(store, { a: 3 });
    await store.close();
    assert.equal((await open()).store.read("a", 1), 3);
  });
});
