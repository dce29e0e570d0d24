import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Spool } from "../../../nodes/lib/spool/spool";
import { until } from "../../harness";

describe("a spool's numbers", () => {
  let directory: string;
  let spool: Spool;
  const quiet = (): void => undefined;
  const open = async (): Promise<void> => {
    spool = await Spool.open({ directory, maxBytes: 1e5, trouble: quiet, lost: quiet, cut: quiet, changed: quiet });
  };
  const append = (...texts: string[]): Promise<void> => spool.append(texts.map((text) => Buffer.from(text))).durable;
  const texts = async (most?: number): Promise<string[] | undefined> => (await spool.read(most))?.contents.map(String);

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), "citystream-spool-"));
    await open();
  });
  afterEach(async () => {
    await spool.close();
    rmSync(directory, { recursive: true });
  });

  it("are none of those that were reserved, and what it holds keeps its own", async () => {
    await append("a", "b");
    await spool.close();
    await open();
    spool.reserve(5);
    spool.reserve(3);
    assert.deepEqual([spool.end, spool.count], [5, 2]);
    await append("c");
    assert.deepEqual([await texts(), await texts(), await texts()], [["a", "b"], ["c"], undefined]);
    for (const number of [0, 1, 5]) spool.acknowledge(number);
    assert.equal(spool.count, 0);
    await until("its files are gone", () => !readdirSync(directory).some((name) => name.endsWith(".spool")));
    spool.reserve(9);
    assert.equal(spool.unread, 0);
    await append("d");
    assert.deepEqual(await spool.read(1), { first: 9, contents: [Buffer.from("d")] });
  });

  it("go on behind as few as were asked for", async () => {
    await append("a", "b", "c", "d", "e");
    assert.deepEqual(
      [await texts(2), await texts(2)],
      [
        ["a", "b"],
        ["c", "d"],
      ],
    );
    assert.equal(String(await spool.last()), "e");
    assert.deepEqual([await texts(), await texts()], [["e"], undefined]);
  });
});
