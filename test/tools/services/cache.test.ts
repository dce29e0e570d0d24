import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { cached, locked } from "../../../tools/services/cache";

describe("the cache of services", () => {
  const before = process.env["CITYSTREAM_CACHE"];
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-cache-"));
    process.env["CITYSTREAM_CACHE"] = folder;
  });
  afterEach(() => {
    if (before === undefined) delete process.env["CITYSTREAM_CACHE"];
    else process.env["CITYSTREAM_CACHE"] = before;
    rmSync(folder, { recursive: true });
  });

  it("makes a folder once for callers who ask at the same time", async () => {
    let made = 0;
    const make = async (into: string): Promise<void> => {
      made++;
      await writeFile(path.join(into, "file"), String(made));
    };
    const folders = await Promise.all([cached("one", make), cached("one", make), cached("one", make)]);
    assert.equal(made, 1);
    assert.equal(await readFile(path.join(folders[2] ?? "", "file"), "utf8"), "1");
  });

  it("leaves nothing of an install that failed, and tries it again", async () => {
    await assert.rejects(
      cached("one", async (into) => {
        await writeFile(path.join(into, "half"), "");
        throw new Error("the network is gone");
      }),
      /the network is gone/u,
    );
    assert.deepEqual(
      readdirSync(folder).filter((name) => !name.startsWith(".")),
      [],
    );
    assert.ok(existsSync(await cached("one", async () => undefined)));
  });

  it("takes over from an owner that died, signed or not", async () => {
    const signed = path.join(folder, ".locks/one");
    const unsigned = path.join(folder, ".locks/two");
    await mkdir(signed, { recursive: true });
    await mkdir(unsigned);
    // no process has this id: it is above Linux's highest
    await writeFile(path.join(signed, "pid"), "4194305");
    utimesSync(unsigned, new Date(0), new Date(0));
    assert.equal(await locked("one", async () => "done"), "done");
    assert.equal(await locked("two", async () => "done"), "done");
  });

  it("lets one in after the other", async () => {
    let inside = 0;
    await Promise.all(
      Array.from({ length: 5 }, () =>
        locked("one", async () => {
          inside++;
          await new Promise(setImmediate);
          assert.equal(inside, 1);
          inside--;
        }),
      ),
    );
  });
});
