/** Files in line to be published. */
import assert from "node:assert/strict";
import { until } from "../../harness";
import { fileStores } from "./stores";
import { forever, from, held, writerOn } from "./writing";

const MEGABYTE = 1 << 20;

describe("files in line to be published", () => {
  it("let the source wait when they are more than the store will soon take, and go on with each that is stored", async function () {
    const local = await fileStores[0]!.open(this);
    const slow = held(local);
    const writer = writerOn(slow.store, { memory: 100 * MEGABYTE, limits: { ...forever, records: 1 } });
    const large = "x".repeat(MEGABYTE);
    const written: Promise<unknown>[] = [];
    while (written.length < 8) {
      assert.ok(await writer.room(0), `no room after ${written.length} files`);
      written.push(writer.write([from(written.length, large)], false, `1.${written.length}`));
      await until("it is in a file", () => writer.held >= written.length * MEGABYTE);
    }
    assert.ok(await writer.room(0), "eight are no more than the store takes soon");
    written.push(writer.write([from(8, large)], false, "1.8"));
    await until("the ninth is in line", () => writer.held > 9 * MEGABYTE);
    assert.equal(await writer.room(0), false);
    const waits = writer.room(60_000);
    slow.open();
    assert.equal(await waits, true);
    await Promise.all(written);
    assert.equal(writer.files.length, 9);
    local.close();
  });

  it("may be as many as come while they are small: their source waits for memory only", async function () {
    const local = await fileStores[0]!.open(this);
    const slow = held(local);
    const writer = writerOn(slow.store, { limits: { ...forever, records: 1 } });
    const written = Array.from({ length: 50 }, (_, n) => writer.write([from(n)], false, `1.${n}`));
    await until("some are being published", () => slow.begun > 0);
    assert.ok(await writer.room(0));
    slow.open();
    await Promise.all(written);
    local.close();
  });
});
