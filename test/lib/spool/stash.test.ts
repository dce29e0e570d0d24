import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { bytesOf, bytesOfMessage, pack, unpack } from "../../../nodes/lib/spool/contents";
import { Overflow, type Waiting } from "../../../nodes/lib/spool/overflow";
import { Stash, type Ticket } from "../../../nodes/lib/spool/stash";
import { until } from "../../harness";

const text = (n: number, size = 100): Buffer => Buffer.from(`${n} `.padEnd(size, "."));

describe("what is put aside on disk", () => {
  let directory: string;
  const troubles: (string | undefined)[] = [];
  const opened: Stash[] = [];
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "citystream-stash-"));
    troubles.length = 0;
  });
  afterEach(async () => {
    for (const stash of opened.splice(0)) await stash.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const open = async (options: { maxBytes?: number; segmentBytes?: number } = {}): Promise<Stash> => {
    const trouble = (error: Error | undefined) => void troubles.push(error?.message);
    const stash = await Stash.open({ directory, maxBytes: 1e7, again: 20, trouble, ...options });
    opened.push(stash);
    return stash;
  };
  const files = () => readdirSync(directory).filter((name) => name.endsWith(".stash"));

  it("comes back whole in any order, before and after it is written, and leaves no file behind", async () => {
    const stash = await open({ segmentBytes: 3000 });
    const tickets = Array.from({ length: 200 }, (_, n) => stash.put(text(n)));
    assert.deepEqual(await stash.get(tickets[7] as Ticket), text(7));
    await until("all are written", () => tickets.every(({ content }) => content === undefined));
    for (let n = 200; n < 300; n++) tickets.push(stash.put(text(n)));
    await until("all are written", () => tickets.every(({ content }) => content === undefined));
    assert.ok(files().length >= 2);
    for (let n = 0; n < 300; n++) {
      const at = (n * 7919) % 300;
      assert.deepEqual(await stash.get(tickets[at] as Ticket), text(at));
      stash.free(tickets[at] as Ticket);
      stash.free(tickets[at] as Ticket);
    }
    await until("no file is left", () => files().length === 0);
    assert.equal(stash.bytes, 0);
  });

  it("takes no more than its bound", async () => {
    const stash = await open({ maxBytes: 1000 });
    const tickets = [stash.put(text(1, 400)), stash.put(text(2, 400))];
    assert.equal(stash.fits(400), false);
    for (const ticket of tickets) stash.free(ticket);
    await until("there is room", () => stash.fits(400));
    assert.equal(stash.bytes, 0);
  });

  it("removes what a killed process has left", async () => {
    writeFileSync(path.join(directory, "00000003.stash"), "left");
    writeFileSync(path.join(directory, "kept.txt"), "not ours");
    await open();
    assert.deepEqual(readdirSync(directory), ["kept.txt"]);
  });

  it("keeps entries in memory while the disk refuses, and writes them when it takes them again", async function refuses() {
    const stash = await open();
    rmSync(directory, { recursive: true, force: true });
    const ticket = stash.put(text(1));
    await until("trouble is told", () => troubles.length > 0);
    assert.match(troubles[0] ?? "", /ENOENT/);
    assert.equal(stash.fits(1), false);
    assert.deepEqual(await stash.get(ticket), text(1));
    const { mkdirSync } = await import("node:fs");
    mkdirSync(directory);
    await until("it is written", () => ticket.content === undefined);
    assert.equal(troubles.at(-1), undefined);
    assert.deepEqual(await stash.get(ticket), text(1));
  });

  it("says what is wrong with a folder that can't be used", async () => {
    const file = path.join(directory, "file");
    writeFileSync(file, "");
    chmodSync(file, 0o600);
    await assert.rejects(Stash.open({ directory: path.join(file, "lanes"), maxBytes: 1, trouble: () => undefined }), {
      name: "ConfigError",
      message: /the folder .* can't be used: ENOTDIR/,
    });
  });

  it("names an entry that is damaged instead of giving something else", async () => {
    const stash = await open();
    const ticket = stash.put(text(1));
    await until("it is written", () => ticket.content === undefined);
    writeFileSync(path.join(directory, files()[0] as string), Buffer.alloc(200, 1));
    await assert.rejects(stash.get(ticket), /is damaged at byte 0/);
  });

  describe("a message's content", () => {
    const roundTrip = (message: Record<string, unknown>): Record<string, unknown> => {
      const packed = pack(message, new Set());
      const back: Record<string, unknown> = {};
      if (packed) unpack(packed.bytes, back);
      return back;
    };

    it("comes back as it was: buffers, dates, typed arrays, maps, big integers, shared and circular parts", () => {
      const shared = { a: 1 };
      const circular: Record<string, unknown> = { n: 1 };
      const message = {
        payload: {
          bytes: Buffer.from([0, 255]),
          when: new Date(7),

          nothing: undefined,
          no: null,
        },
        matrix: Float32Array.of(1.5, NaN, -0),
        window: new Uint8Array(Buffer.from("abcdef").subarray(2, 4)),
        big: 2n ** 70n,
        map: new Map<unknown, unknown>([["a", new Set([1, "b"])]]),
        list: [shared, shared, NaN, -0, Infinity],
        text: "시험 🚦",
        buffer: new ArrayBuffer(3),
      };
      const back = roundTrip(message);
      assert.deepEqual(back, message);
      assert.ok(Buffer.isBuffer((back["payload"] as { bytes: unknown }).bytes));
      assert.equal((back["list"] as unknown[])[0], (back["list"] as unknown[])[1]);
      assert.ok(Number.isNaN((roundTrip({ never: new Date(NaN) })["never"] as Date).getTime()));
      circular["self"] = circular;
      assert.equal(bytesOf(circular), -1, "stays in memory");
    });

    it("comes back for anything that JSON can say", () => {
      fc.assert(
        fc.property(fc.jsonValue(), (payload) => {
          assert.deepEqual(roundTrip({ payload }), { payload });
        }),
      );
    });

    it("stays where it is when it would come back as something else", () => {
      class Shaped {
        n = 1;
      }
      const message = {
        payload: "leaves",
        res: { end: () => undefined },
        req: new Shaped(),
        deep: { inner: [new Shaped()] },
        failure: new Error("x"),
        symbol: { [Symbol("s")]: 1 },
        promise: Promise.resolve(),
        pattern: /x/,
        _msgid: "stays",
      };
      assert.deepEqual(pack(message, new Set(["_msgid"]))?.names, ["payload"]);
      assert.ok(bytesOfMessage(message) > 4 * 1024);
      assert.equal(pack({ res: message.res }, new Set()), undefined);
    });

    it("leaves when a function node made it, in a realm of its own", async () => {
      const { runInNewContext } = await import("node:vm");
      const made = runInNewContext("({ payload: { list: [1, { a: new Date(5) }], m: new Map() } })") as Record<
        string,
        unknown
      >;
      assert.deepEqual(pack(made, new Set())?.names, ["payload"]);
      assert.deepEqual(JSON.stringify(roundTrip(made)), JSON.stringify(made));
    });
  });

  describe("messages that overflow memory", () => {
    const waiting = (n: number, level: number, size = 1000): Waiting => ({
      message: { _msgid: String(n), payload: `${n}`.padEnd(size, ".") },
      level,
      bytes: size,
      resident: false,
    });

    it("go to disk youngest and lowest first, keep their object and come back whole", async () => {
      const gone: Waiting[] = [];
      const stash = await open();
      const one = new Overflow<Waiting>({
        levels: 2,
        memoryBytes: 5000,
        keep: new Set(["_msgid"]),
        open: () => Promise.resolve(stash),
        leaving: (each) => void gone.push(each),
      });
      one.prepare();
      const all = Array.from({ length: 10 }, (_, n) => waiting(n, n < 3 ? 1 : 0));
      for (const each of all) one.add(each);
      await until("half are on disk", () => one.stored === 5);
      assert.deepEqual(gone.map(({ message }) => message["_msgid"]).toSorted(), ["5", "6", "7", "8", "9"]);
      assert.deepEqual(all[9]?.message, { _msgid: "9" });
      assert.equal(one.memoryBytes, 5000);
      assert.equal(one.full, false);
      for (const each of all) await one.fetch(each);
      for (const [n, { message }] of all.entries()) assert.deepEqual(message, waiting(n, 0).message);
      assert.deepEqual([one.stored, one.memoryBytes, one.memoryCount], [0, 0, 0]);
      await until("no file is left", () => files().length === 0);
    });

    it("are full when there is no disk", async () => {
      const one = new Overflow<Waiting>({
        levels: 1,
        memoryBytes: 1500,
        keep: new Set(),
        open: () => Promise.resolve(undefined),
        leaving: () => undefined,
      });
      one.add(waiting(1, 0));
      one.add(waiting(2, 0));
      await until("it is known", () => one.full);
      assert.equal(one.memoryCount, 2);
    });

    it("stay, and count, when nothing of them can be written", async () => {
      const stash = await open();
      const one = new Overflow<Waiting>({
        levels: 1,
        memoryBytes: 1500,
        keep: new Set(),
        open: () => Promise.resolve(stash),
        leaving: () => undefined,
      });
      one.prepare();
      await one.close();
      const stuck: Waiting = { message: { res: () => undefined }, level: 0, bytes: 2000, resident: false };
      one.add(stuck);
      assert.deepEqual([one.full, one.memoryBytes, one.fetch(stuck), one.memoryBytes], [true, 2000, undefined, 0]);
    });
  });
});
