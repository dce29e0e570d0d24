import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { openDoneOffsets } from "../../../nodes/lib/letters/done-offsets";

describe("offsets that are done though earlier ones are not", () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "citystream-done-"));
    file = path.join(directory, "not", "yet", "done");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const one = (first: number, partition = 0) => ({ partition, first, next: first + 1 });

  it("are known after a restart, those that were torn by a kill are not, and those written after them are", async () => {
    const done = await openDoneOffsets(file);
    await done.add([one(5), one(7), one(5, 1)]);
    appendFileSync(file, "+0 9");
    const next = await openDoneOffsets(file);
    await next.add([one(11)]);
    const last = await openDoneOffsets(file);
    assert.deepEqual(
      [4, 5, 6, 7, 9, 11].map((offset) => last.has(0, offset)),
      [false, true, false, true, false, true],
    );
    assert.deepEqual([last.has(1, 5), last.has(1, 7), last.has(2, 5)], [true, false, false]);
  });

  it("are read from what earlier versions wrote", async () => {
    await openDoneOffsets(file);
    writeFileSync(file, "\n0 5\n0 6\n1 5\n");
    const done = await openDoneOffsets(file);
    assert.deepEqual([done.has(0, 5), done.has(0, 6), done.has(0, 7), done.has(1, 5)], [true, true, false, true]);
  });

  it("take no more room however many are done behind one that waits", async function many() {
    this.timeout(120_000);
    const done = await openDoneOffsets(file);
    for (let first = 1; first < 200_000; first += 500)
      await done.add(Array.from({ length: 500 }, (_, n) => one(first + n)));
    assert.ok(statSync(file).size < 300_000, `${statSync(file).size} bytes`);
    assert.deepEqual([done.has(0, 0), done.has(0, 1), done.has(0, 199_999)], [false, true, true]);
    const again = await openDoneOffsets(file);
    await again.add([]);
    assert.ok(readFileSync(file, "utf8").split("\n").length < 12_000);
    assert.deepEqual([again.has(0, 0), again.has(0, 1), again.has(0, 199_999)], [false, true, true]);
  });

  it("are as a set of offsets has them, in whatever order they come", async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ add: fc.nat(60), length: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ below: fc.nat(60) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        rmSync(file, { force: true });
        const done = await openDoneOffsets(file);
        const model = new Set<number>();
        for (const each of steps)
          if ("add" in each) {
            await done.add([{ partition: 0, first: each.add, next: each.add + each.length }]);
            for (let n = 0; n < each.length; n += 1) model.add(each.add + n);
          } else {
            done.below(0, each.below);
            for (const offset of model) if (offset < each.below) model.delete(offset);
          }
        for (let offset = 0; offset < 70; offset += 1)
          assert.equal(done.has(0, offset), model.has(offset), `${offset}`);
      }),
      { numRuns: 100 },
    );
  });
});
