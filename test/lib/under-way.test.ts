/** Work that is counted. */
import assert from "node:assert/strict";
import { UnderWay } from "../../nodes/lib/under-way";

describe("work under way", () => {
  it("is done when all of it has ended, also by an error", async () => {
    const works = new UnderWay();
    await works.done();
    const ends: { resolve(): void; reject(error: Error): void }[] = [];
    const made = [1, 2].map(() =>
      works.add(new Promise<void>((resolve, reject) => ends.push({ resolve: () => resolve(), reject }))),
    );
    let isDone = false;
    const done = works.done().then(() => (isDone = true));
    ends[0]?.reject(new Error("broken"));
    await assert.rejects(made[0] as Promise<void>, /broken/);
    assert.equal(isDone, false);
    ends[1]?.resolve();
    await done;
  });
});
