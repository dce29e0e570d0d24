import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import type { DeadLetter, Message } from "../../../nodes/lib/delivery/contract";
import { deadLetterFile } from "../../../nodes/lib/delivery/dead-letter-file";
import { decodeDeadLetter, type StoredDeadLetter } from "../../../nodes/lib/delivery/dead-letter-format";
import { until } from "../../harness";

const letter = (message: Message, error = new Error("refused")): DeadLetter => ({
  message,
  error,
  node: { id: "n1", type: "citystream-influx-sink", name: "store" },
  attempts: 3,
  time: Date.UTC(2026, 0, 2),
});

describe("dead letters in a folder", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "citystream-letters-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const stored = (folder = directory): StoredDeadLetter[] =>
    readdirSync(folder)
      .sort()
      .flatMap((name) => readFileSync(path.join(folder, name), "utf8").trimEnd().split("\n"))
      .map(decodeDeadLetter);

  it("holds what is needed to understand and replay a record, in a folder that it makes", async () => {
    const folder = path.join(directory, "not", "there");
    const letters = deadLetterFile({ directory: folder });
    await letters.write([letter({ payload: { temp: 21.5 }, topic: "air", _delivery: "e.1" })]);
    const [one] = stored(folder);
    assert.deepEqual(one?.message, { payload: { temp: 21.5 }, topic: "air" }, "without the token of its old delivery");
    assert.equal(one?.time, "2026-01-02T00:00:00.000Z");
    assert.equal(one?.error.message, "refused");
    assert.deepEqual(one?.node, { id: "n1", type: "citystream-influx-sink", name: "store" });
    assert.equal(one?.attempts, 3);
    await letters.close();
  });

  it("brings bytes, numbers that JSON lacks, dates and big integers back", async () => {
    const letters = deadLetterFile({ directory });
    const payload = {
      bytes: Buffer.from([0, 255, 10]),
      matrix: new Float32Array([1, 2]),
      nan: NaN,
      infinite: -Infinity,
      big: 2n ** 60n,
      date: new Date(5),
    };
    await letters.write([letter({ payload })]);
    await letters.close();
    const read = stored()[0]?.message.payload as Record<string, unknown>;
    assert.deepEqual(read["bytes"], Buffer.from([0, 255, 10]));
    assert.deepEqual(read["matrix"], Buffer.from(new Float32Array([1, 2]).buffer));
    assert.ok(Number.isNaN(read["nan"]));
    assert.equal(read["infinite"], -Infinity);
    assert.equal(read["big"], 2n ** 60n);
    assert.deepEqual(read["date"], new Date(5));
  });

  it("keeps what it can of messages that JSON refuses", async () => {
    const letters = deadLetterFile({ directory });
    const circular: Record<string, unknown> = { a: 1 };
    circular["self"] = circular;
    const trap = Object.defineProperty({ b: 2 }, "bad", {
      enumerable: true,
      get: () => {
        throw new Error("boom");
      },
    });
    let deep: object = {};
    for (let depth = 0; depth < 50_000; depth += 1) deep = { deep };
    const hostile = JSON.parse('{"__proto__": {"polluted": 1}}') as object;
    await letters.write([
      letter({ payload: circular }),
      letter({ payload: trap }),
      letter({ payload: deep }),
      letter({
        payload: "x",
        res: Object.assign(Object.create({ on: () => 0, constructor: function Socket() {} }) as object, {}),
      }),
      letter({ payload: hostile }),
    ]);
    await letters.close();
    const [first, second, third, fourth, fifth] = stored().map((one) => one.message);
    assert.deepEqual(first?.payload, { a: 1, self: "[circular]" });
    assert.deepEqual(second?.payload, { b: 2, bad: "[unreadable: boom]" });
    assert.match(JSON.stringify(third?.payload), /too deep/u);
    assert.equal(fourth?.["res"], "[Socket]");
    assert.ok(fifth !== undefined && !("polluted" in {}), "no prototype is touched");
  });

  it("begins a new file when one is full, and loses none of many written at once", async () => {
    const letters = deadLetterFile({ directory, maxBytes: 2_000 });
    for (let round = 0; round < 10; round += 1)
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => letters.write([letter({ payload: round * 20 + index })])),
      );
    await letters.close();
    assert.ok(readdirSync(directory).length >= 5);
    assert.deepEqual(
      stored()
        .map((one) => one.message.payload)
        .sort((a, b) => Number(a) - Number(b)),
      Array.from({ length: 200 }, (_, index) => index),
    );
  });

  it("rejects with the folder's name while it can't write, and goes on when it can", async () => {
    const folder = path.join(directory, "taken");
    writeFileSync(folder, "a file where the folder should be");
    const letters = deadLetterFile({ directory: folder });
    await assert.rejects(letters.write([letter({ payload: 1 })]), { name: "Retriable", message: /taken/u });
    rmSync(folder);
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    await letters.write([letter({ payload: 2 })]);
    await letters.close();
    assert.deepEqual(
      stored(folder).map((one) => one.message.payload),
      [2],
    );
  });

  it("takes no more than the folder may hold, deletes nothing, and goes on when there is room", async () => {
    const letters = deadLetterFile({ directory, limit: 20_000 });
    const other = deadLetterFile({ directory, limit: 20_000, prefix: "other" });
    let written = 0;
    const fill = async (): Promise<void> => {
      for (; written < 1_000; written += 1)
        await (written % 2 === 0 ? letters : other).write([letter({ payload: written })]);
    };
    await assert.rejects(fill(), { name: "Retriable", message: /take 0 MB of the 0 MB allowed; replay or discard/u });
    assert.ok(written > 5 && written < 100, `${written} were written`);
    assert.equal(stored().length, written);
    await letters.close();
    await other.close();
    for (const name of readdirSync(directory)) rmSync(path.join(directory, name));
    await until("there is room again", () =>
      letters.write([letter({ payload: "room" })]).then(
        () => true,
        () => false,
      ),
    );
    await letters.close();
    assert.equal(stored()[0]?.message.payload, "room");
  });

  it("leaves nothing torn of a write that the disk refuses half way, and writes it again", async () => {
    // A process that may write files of 8 KiB only: the kernel cuts the write that goes beyond, as on a full disk.
    const script = `
      const { deadLetterFile } = require(${JSON.stringify(require.resolve("../../../nodes/lib/delivery/dead-letter-file"))});
      const letters = deadLetterFile({ directory: ${JSON.stringify(directory)} });
      const refused = [];
      (async () => {
        for (let n = 0; n < 40; n += 1) {
          const one = { message: { payload: n }, error: Object.assign(new Error("x".repeat(600)), { stack: "" }), attempts: 1, time: 0 };
          for (;;)
            try {
              await letters.write([one]);
              break;
            } catch (error) {
              refused.push(error.message);
              if (refused.length > 50) throw error;
            }
        }
        await letters.close();
        console.log(JSON.stringify(refused));
      })();`;
    const { stdout } = await promisify(execFile)("bash", [
      "-c",
      'ulimit -S -f 8; exec "$0" -e "$1"',
      process.execPath,
      script,
    ]);
    const refused = JSON.parse(stdout) as string[];
    assert.ok(refused.length > 0, "the limit was met");
    assert.match(refused[0] ?? "", /can't be written to .*EFBIG/u);
    assert.deepEqual(
      stored().map((one) => one.message.payload),
      Array.from({ length: 40 }, (_, n) => n),
    );
  });

  it("writes again what went into a file that somebody deleted meanwhile", async () => {
    const letters = deadLetterFile({ directory });
    await letters.write([letter({ payload: 1 })]);
    for (const name of readdirSync(directory)) rmSync(path.join(directory, name));
    await assert.rejects(letters.write([letter({ payload: 2 })]), /deleted while it was written/u);
    await letters.write([letter({ payload: 2 })]);
    await letters.close();
    assert.equal(stored()[0]?.message.payload, 2);
  });
});
