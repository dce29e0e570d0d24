import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { ConfigError } from "../../../nodes/lib/errors";
import { Spool, type SpoolOptions } from "../../../nodes/lib/spool/spool";
import { until } from "../../harness";

describe("a spool", () => {
  let directory: string;
  let troubles: string[];
  let lost: string[];
  let cut: string[];
  const open: Spool[] = [];
  const openSpool = async (more: Partial<SpoolOptions> = {}): Promise<Spool> => {
    const spool = await Spool.open({
      directory,
      maxBytes: 100_000,
      again: 20,
      trouble: (error) => void troubles.push(error?.message ?? "works"),
      lost: (text) => void lost.push(text),
      cut: (text) => void cut.push(text),
      changed: () => undefined,
      ...more,
    });
    open.push(spool);
    return spool;
  };
  const append = async (spool: Spool, ...texts: string[]): Promise<void> =>
    spool.append(texts.map((text) => Buffer.from(text))).durable;
  const rest = async (spool: Spool): Promise<string[]> => {
    const found: string[] = [];
    for (let entries = await spool.read(); entries; entries = await spool.read())
      found.push(...entries.contents.map(String));
    return found;
  };
  const files = (): string[] => readdirSync(directory).filter((name) => name.endsWith(".spool"));
  const file = (index: number): string => path.join(directory, files()[index] ?? "");
  /** Goes on with what its folder holds at this moment. */
  const kill = async (): Promise<void> => {
    const left = directory;
    directory = mkdtempSync(path.join(tmpdir(), "citystream-spool-"));
    cpSync(left, directory, { recursive: true });
    await open.pop()?.close();
    rmSync(left, { recursive: true });
  };

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "citystream-spool-"));
    troubles = [];
    lost = [];
    cut = [];
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((spool) => spool.close()));
    rmSync(directory, { recursive: true, force: true });
  });

  it("gives back what was put in, in order, and removes it from the disk once all is acknowledged", async () => {
    const spool = await openSpool();
    await Promise.all([append(spool, "a", "", "c"), append(spool, "x".repeat(40_000)), append(spool, "e")]);
    assert.equal(spool.count, 5);
    assert.deepEqual(await rest(spool), ["a", "", "c", "x".repeat(40_000), "e"]);
    for (const number of [4, 0, 2, 1]) spool.acknowledge(number);
    assert.equal(spool.count, 1);
    spool.acknowledge(3);
    assert.equal(spool.count, 0);
    assert.equal(spool.bytes, 0);
    await until("no file is left", () => files().length === 0);
    await append(spool, "again");
    assert.deepEqual(await rest(spool), ["again"]);
  });

  it("brings after a stop what was not acknowledged, and that alone", async () => {
    const spool = await openSpool();
    await append(spool, "a", "b", "c");
    spool.acknowledge(0);
    spool.acknowledge(2);
    await spool.close();
    const next = await openSpool();
    assert.deepEqual(await rest(next), ["b", "c"]);
    await append(next, "d");
    assert.deepEqual(await rest(next), ["d"]);
    await next.close();
    assert.deepEqual(await rest(await openSpool()), ["b", "c", "d"]);
  });

  it("cuts off a last entry that a kill has torn, wherever it is torn, and goes on behind it", async () => {
    const spool = await openSpool();
    await append(spool, "first", "second");
    await append(spool, "the third");
    await spool.close();
    const whole = readFileSync(file(0));
    for (let end = whole.length - 1; end > whole.length - 17; end--) {
      rmSync(path.join(directory, "acknowledged"));
      for (const name of files()) rmSync(path.join(directory, name));
      writeFileSync(path.join(directory, "0000000000000000.spool"), whole.subarray(0, end));
      cut = [];
      const torn = await openSpool();
      assert.match(
        cut.join(),
        new RegExp(`\\.spool: cut off ${17 - (whole.length - end)} bytes at its end, 1 records`),
      );
      assert.deepEqual(await rest(torn), ["first", "second"], `cut at ${end}`);
      await append(torn, "new");
      assert.deepEqual(await rest(torn), ["new"]);
      await torn.close();
    }
    assert.deepEqual(lost, []);
  });

  it("takes zeros at the end, as a power cut leaves them, for nothing", async () => {
    const spool = await openSpool();
    await append(spool, "first");
    await spool.close();
    truncateSync(file(0), 5000);
    assert.deepEqual(await rest(await openSpool()), ["first"]);
    assert.match(cut.join(), /cut off 4987 bytes at its end, 0 records/);
    assert.deepEqual(lost, []);
  });

  it("tells damage in its last file, behind which whole entries were, from a torn end", async () => {
    const spool = await openSpool();
    await append(spool, "first", "second", "third");
    await spool.close();
    const bytes = readFileSync(file(0));
    bytes[22] = bytes[22]! ^ 1;
    writeFileSync(file(0), bytes);
    assert.deepEqual(await rest(await openSpool()), ["first"]);
    assert.match(lost.join(), /is damaged at byte 13: 2 of its records are lost/);
    assert.deepEqual(cut, []);
  });

  it("keeps no file open when it can't be opened", async () => {
    mkdirSync(path.join(directory, "0000000000000000.spool"));
    const opened = (): number => readdirSync("/proc/self/fd").length;
    await assert.rejects(openSpool());
    const before = opened();
    for (let tries = 0; tries < 5; tries++) await assert.rejects(openSpool());
    assert.equal(opened(), before);
  });

  it("names what a damaged file has lost, and gives the rest", async () => {
    const spool = await openSpool({ segmentBytes: 20 });
    for (const text of ["first of all", "second of all", "third of all"]) await append(spool, text, "and more");
    await spool.close();
    const bytes = readFileSync(file(1));
    bytes[10] = bytes[10]! ^ 1;
    writeFileSync(file(1), bytes);
    const next = await openSpool();
    assert.deepEqual(await rest(next), ["first of all", "and more", "third of all", "and more"]);
    assert.match(lost.join(), /000002\.spool is damaged at byte 0: 2 of its records are lost/);
    for (const number of [0, 1, 4, 5]) next.acknowledge(number);
    assert.equal(next.count, 0);
  });

  it("names what is damaged while it is in use, and gives the rest", async () => {
    const spool = await openSpool({ segmentBytes: 20 });
    for (const text of ["first of all", "second of all", "third of all"]) await append(spool, text);
    const bytes = readFileSync(file(0));
    bytes[10] = bytes[10]! ^ 1;
    writeFileSync(file(0), bytes);
    assert.deepEqual(await rest(spool), ["second of all", "third of all"]);
    assert.match(lost.join(), /000000\.spool is damaged at byte 0: 1 of its records/);
  });

  it("takes no more than its bound, and more again when a file could go", async () => {
    const spool = await openSpool({ maxBytes: 1000, segmentBytes: 300 });
    const entry = Buffer.alloc(92);
    let count = 0;
    for (; spool.fits([entry]); count++) await spool.append([entry]).durable;
    assert.equal(count, 10);
    assert.equal(spool.bytes, 1000);
    await rest(spool);
    spool.acknowledge(0);
    assert.ok(!spool.fits([entry]), "its file holds more");
    for (const number of [1, 2]) spool.acknowledge(number);
    assert.ok(spool.fits([entry, entry, entry]));
    assert.ok(!spool.fits([entry, entry, entry, entry]));
  });

  it("waits while the disk refuses, says why, and goes on by itself", async () => {
    const spool = await openSpool();
    rmSync(directory, { recursive: true });
    let durable = false;
    const waiting = append(spool, "a", "b").then(() => (durable = true));
    await until("trouble is told", () => troubles.length > 1);
    assert.match(troubles[0] ?? "", /ENOENT/);
    assert.ok(!durable && !spool.fits([Buffer.alloc(1)]));
    mkdirSync(directory);
    await waiting;
    assert.equal(troubles.at(-1), "works");
    assert.deepEqual(await rest(spool), ["a", "b"]);
  });

  it("fails what is not durable when it is closed while the disk refuses", async () => {
    const spool = await openSpool();
    rmSync(directory, { recursive: true });
    const waiting = append(spool, "a");
    await until("trouble is told", () => troubles.length > 0);
    const failed = assert.rejects(waiting, /ENOENT/);
    await spool.close();
    await failed;
  });

  it("says which folder can't be used", async () => {
    writeFileSync(path.join(directory, "file"), "");
    await assert.rejects(
      openSpool({ directory: path.join(directory, "file") }),
      (error) => error instanceof ConfigError && /Spool: the folder .*file can't be used/.test(error.message),
    );
  });

  it("is not shared: a second process would bring its records twice", async () => {
    const spool = await openSpool();
    await assert.rejects(
      openSpool(),
      /ConfigError: Spool: the folder .* can't be used: .* is in use by another process/,
    );
    await spool.close();
    await openSpool();
  });

  it("keeps order and loses nothing over whatever is appended, read, acknowledged, stopped and killed", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ append: fc.array(fc.nat(400), { minLength: 1, maxLength: 5 }) }) },
      { weight: 3, arbitrary: fc.constant("read" as const) },
      { weight: 3, arbitrary: fc.record({ acknowledge: fc.nat(6) }) },
      { weight: 1, arbitrary: fc.constant("stop" as const) },
      { weight: 1, arbitrary: fc.constant("kill" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        rmSync(directory, { recursive: true, force: true });
        let spool = await openSpool({ segmentBytes: 500 });
        const put: string[] = [];
        const read = new Map<number, string>();
        const done = new Set<number>();
        const take = async (): Promise<void> => {
          const entries = await spool.read();
          for (const [at, content] of entries?.contents.entries() ?? []) {
            const number = (entries?.first ?? 0) + at;
            assert.equal(String(content), put[number], `entry ${number}`);
            read.set(number, String(content));
          }
        };
        for (const one of steps) {
          if (one === "read") await take();
          else if (one === "stop" || one === "kill") {
            if (one === "kill") await kill();
            await open.pop()?.close();
            read.clear();
            spool = await openSpool({ segmentBytes: 500 });
          } else if ("append" in one) {
            const texts = one.append.map((size, at) => `${put.length + at}:${"x".repeat(size)}`);
            put.push(...texts);
            await append(spool, ...texts);
          } else
            for (const number of [...read.keys()].filter((key) => !done.has(key)).slice(0, one.acknowledge)) {
              spool.acknowledge(number);
              done.add(number);
            }
        }
        while (spool.readable) await take();
        const missing = put.flatMap((_, number) => (done.has(number) || read.has(number) ? [] : [number]));
        assert.deepEqual(missing, []);
        await open.pop()?.close();
      }),
      { numRuns: 60 },
    );
    assert.deepEqual(lost, []);
  });
});
