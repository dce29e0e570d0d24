/** State with checkpoints: each record counts once, whatever comes again and whenever the process ends. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import type { Emission, Message } from "../../../nodes/lib/delivery/contract";
import { CheckpointedState, type CheckpointOptions } from "../../../nodes/lib/state/checkpointed";
import type { Advance } from "../../../nodes/lib/state/port";
import { Rejected } from "../../../nodes/lib/errors";
import { until } from "../../harness";
import { Retaining } from "./retaining";

interface Sum {
  readonly records: number;
  readonly sum: number;
}
/** Says each third record of a key. */
const advance: Advance<Sum, { readonly third: number }> = (state = { records: 0, sum: 0 }, { payload }) => {
  if (typeof payload !== "number") throw new Rejected("no number");
  const next = { records: state.records + 1, sum: state.sum + payload };
  return { state: next, ...(next.records % 3 === 0 && { result: { third: next.sum } }) };
};

describe("state with checkpoints", () => {
  let folder: string;
  const open: CheckpointedState<Sum, { readonly third: number }>[] = [];
  const troubles: (string | undefined)[] = [];
  let retaining = new Retaining();
  let committed: number | undefined;

  const begin = ({ tracked = true, ...more }: Partial<CheckpointOptions> & { tracked?: boolean } = {}) => {
    const options = { directory: path.join(folder, "state"), format: "sums", ttl: Infinity, most: 1000, inMemory: 100 };
    const state = new CheckpointedState(
      advance,
      { ...options, interval: 5, records: 1000, warn: assert.fail, ...more },
      {
        hold: () => assert.fail("nothing is held"),
        retain: (message, hold) => (tracked ? retaining.retain(message, hold) : undefined),
        emissionsOf: () => [{ resumesAt: committed } as Emission],
        trouble: (error) => troubles.push(error?.message),
      },
    );
    open.push(state);
    return state;
  };
  const make = async (more: Parameters<typeof begin>[0] = {}) => {
    const state = begin(more);
    await state.ready;
    return state;
  };
  const record = (offset: number, payload: unknown = offset): Message => ({
    payload,
    source: { kind: "kafka", topic: "t", partition: 0, offset },
  });
  const take = (state: (typeof open)[number], offset: number, key = "a") => state.take(key, record(offset));
  /** Resolves when a record is finished that was taken before; undefined: nothing is waited for. */
  const kept = (state: (typeof open)[number], offset: number) => {
    const message = record(offset);
    assert.equal(state.kept(message), undefined, "its message need not wait");
    return retaining.finished(message);
  };

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-state-"));
    troubles.length = 0;
    retaining = new Retaining();
    committed = undefined;
  });
  afterEach(async () => {
    for (const state of open.splice(0)) await state.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("counts a record once, and says again what it said of it", async () => {
    const state = await make();
    assert.deepEqual(
      [1, 2, 3, 3, 2, 4].map((offset) => take(state, offset)),
      [undefined, undefined, { third: 6 }, { third: 6 }, undefined, undefined],
    );
    assert.deepEqual(
      [5, 6].map((offset) => take(state, offset)),
      [undefined, { third: 21 }],
    );
  });

  it("says again what it said, not what others made of it", async () => {
    const state = await make();
    [1, 2].forEach((offset) => take(state, offset));
    const said = take(state, 3) as { third: number };
    said.third = -1;
    assert.deepEqual(take(state, 3), { third: 6 });
    (take(state, 3) as { third: number }).third = -1;
    assert.deepEqual(take(state, 3), { third: 6 });
  });

  it("changes nothing by a record that is refused", async () => {
    const state = await make();
    take(state, 1);
    assert.throws(() => state.take("a", record(2, "text")), /no number/);
    assert.throws(() => state.take("a", record(2, "text")), /no number/);
    take(state, 3);
    assert.deepEqual(take(state, 4), { third: 8 });
  });

  it("retains a record until a checkpoint has what it changed, so that a kill after that loses nothing", async () => {
    const state = await make();
    take(state, 1);
    const waits = kept(state, 1);
    assert.equal(retaining.holds.length, 1);
    await waits;
    assert.equal(retaining.holds.length, 0);
    // What the process that was killed has left.
    const left = path.join(folder, "left");
    cpSync(path.join(folder, "state"), left, { recursive: true });
    const after = await make({ directory: left });
    assert.equal(take(after, 1), undefined);
    [2, 3].forEach((offset) => take(after, offset));
    assert.deepEqual(take(after, 3), { third: 6 });
  });

  it("lets a message wait that nothing tracks, until a checkpoint has what it changed, or can't have it", async () => {
    const state = await make({ segmentBytes: 1, tracked: false });
    take(state, 1);
    await state.kept(record(1));
    const left = path.join(folder, "left");
    cpSync(path.join(folder, "state"), left, { recursive: true });
    const after = await make({ directory: left });
    [1, 2].forEach((offset) => take(after, offset));
    assert.deepEqual(take(after, 3), { third: 6 });
    renameSync(path.join(folder, "state"), path.join(folder, "away"));
    take(state, 2);
    const waits = assert.rejects(state.kept(record(2)) as Promise<void>, /closed before its state could be kept/);
    await state.close();
    await waits;
    open.splice(open.indexOf(state), 1);
  });

  it("keeps a message waiting for the checkpoint under way that has its records already", async () => {
    const state = await make({ interval: 0 });
    take(state, 1);
    const first = kept(state, 1);
    // Comes again, as after a failure below, before the first is durable.
    take(state, 1);
    await Promise.all([first, kept(state, 1)]);
    assert.equal(kept(state, 1), undefined);
  });

  it("lets what has waited go on in pieces, between which the event loop turns", async () => {
    const state = await make({ interval: 0 });
    /** Messages that went on, by turn of the event loop. */
    const pieces = [0];
    let next: NodeJS.Immediate | undefined;
    const turns = (): void => {
      pieces.push(0);
      next = setImmediate(turns);
    };
    turns();
    const waits = Array.from({ length: 1000 }, (_, offset) => {
      take(state, offset);
      return Promise.resolve(kept(state, offset)).then(() => pieces.push((pieces.pop() ?? 0) + 1));
    });
    await Promise.all(waits);
    clearImmediate(next);
    assert.ok(Math.max(...pieces) <= 128, `${Math.max(...pieces)} messages went on in one turn`);
  });

  it("writes at once when a source waits, and when many records wait", async () => {
    const state = await make({ interval: 3_600_000, records: 3 });
    take(state, 1);
    const first = kept(state, 1);
    retaining.holds[0]?.relieve?.();
    await first;
    [2, 3].forEach((offset) => take(state, offset));
    const second = kept(state, 3);
    take(state, 4);
    await Promise.all([second, kept(state, 4)]);
  });

  it("keeps what has waited for it to open, also where it is closed before", async () => {
    const state = begin({ interval: 3_600_000 });
    const waits = state.ready
      ?.finally(() => undefined)
      .then(() => {
        take(state, 1);
        return kept(state, 1);
      });
    await Promise.all([state.close(), waits]);
    open.splice(0);
    const after = await make();
    [1, 2].forEach((offset) => take(after, offset));
    assert.deepEqual(take(after, 3), { third: 6 });
  });

  it("lets go of records when it is closed and the disk still refuses, so that they come again", async () => {
    const state = await make({ segmentBytes: 1 });
    take(state, 1);
    await kept(state, 1);
    renameSync(path.join(folder, "state"), path.join(folder, "away"));
    take(state, 2);
    const waits = kept(state, 2);
    const [closed, outcome] = await Promise.allSettled([state.close(), waits]);
    assert.equal(closed.status, "fulfilled");
    assert.match(String((outcome as PromiseRejectedResult).reason), /closed before its state could be kept/);
    assert.equal(retaining.holds.length, 0);
    open.splice(0);
  });

  it("forgets what its source has committed, and no more", async () => {
    const state = await make();
    for (let offset = 1; offset <= 6; offset++) take(state, offset);
    committed = 6;
    await kept(state, 6);
    assert.deepEqual(take(state, 6), { third: 21 });
    // Not known any more: it is another record to the state, as after a topic was made anew.
    take(state, 1);
    take(state, 7);
    assert.deepEqual(take(state, 8), { third: 37 });
  });

  it("lets records wait while the disk refuses, and keeps them when it works again", async () => {
    const state = await make({ segmentBytes: 1 });
    take(state, 1);
    await kept(state, 1);
    renameSync(path.join(folder, "state"), path.join(folder, "away"));
    take(state, 2);
    let done = false;
    const waits = kept(state, 2)?.then(() => (done = true));
    await until("the disk refuses", () => troubles.length > 0);
    assert.match(String(troubles[0]), /ENOENT/);
    assert.equal(done, false);
    renameSync(path.join(folder, "away"), path.join(folder, "state"));
    await waits;
    assert.equal(troubles.at(-1), undefined);
    await state.close();
    const again = await make();
    assert.deepEqual(take(again, 3), { third: 6 });
  });

  it("keeps fewer keys in memory than it has, and none of them is lost", async () => {
    const state = await make({ inMemory: 5 });
    const sums = new Map<string, number>();
    for (let offset = 0; offset < 300; offset++) {
      const key = `k${offset % 40}`;
      const said = take(state, offset, key);
      sums.set(key, (sums.get(key) ?? 0) + offset);
      if (said) assert.deepEqual(said, { third: sums.get(key) }, key);
      if (offset % 7 === 0) await kept(state, offset);
    }
    assert.equal(state.keys, 40);
  });

  it("says how many keys it has at any time, also while a checkpoint is written or fails", async () => {
    const state = await make({ interval: 0 });
    const keys = new Set<string>();
    const next = (offset: number): void => {
      const key = `k${(offset * 7) % 90}`;
      take(state, offset, key);
      keys.add(key);
      assert.equal(state.keys, keys.size, `after record ${offset}`);
    };
    for (let offset = 0; offset < 120; offset++) {
      next(offset);
      const wait = kept(state, offset);
      if (offset % 5 === 0) await wait;
    }
    renameSync(path.join(folder, "state"), path.join(folder, "away"));
    const sealed = await make({ directory: path.join(folder, "other"), interval: 0 });
    take(sealed, 0, "a");
    renameSync(path.join(folder, "other"), path.join(folder, "gone"));
    const waits = kept(sealed, 0);
    await until("the disk refuses", () => troubles.some((text) => text?.includes("ENOENT")));
    take(sealed, 1, "b");
    take(sealed, 2, "a");
    assert.equal(sealed.keys, 2);
    renameSync(path.join(folder, "gone"), path.join(folder, "other"));
    await waits;
    assert.equal(sealed.keys, 2);
    renameSync(path.join(folder, "away"), path.join(folder, "state"));
  });

  it("says so with each of many records without counting keys again", async () => {
    const state = await make({ interval: 60_000, records: 1e9, inMemory: 1e9, most: 1e9 });
    const begun = performance.now();
    for (let offset = 0; offset < 60_000; offset++) {
      take(state, offset, `k${offset}`);
      if (state.keys !== offset + 1) assert.fail(`${state.keys} keys after ${offset + 1}`);
    }
    const took = performance.now() - begun;
    assert.ok(took < 3000, `60,000 records took ${took} ms`);
  });

  it("says the same of every record whenever processes end and records come again", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.constantFrom("a", "b", "c"), end: fc.integer({ min: 0, max: 9 }) }), {
          maxLength: 60,
        }),
        async (records) => {
          const directory = mkdtempSync(path.join(folder, "run-"));
          const calm = new Map<string, Sum>();
          const expected = records.map(({ key }, offset) => {
            const { state, result } = advance(calm.get(key), record(offset));
            calm.set(key, state);
            return result;
          });
          let [state, at] = [await make({ directory, interval: 0 }), directory];
          /** Up to here the source has committed: what comes after it comes again. */
          let from = 0;
          for (const [offset, { key, end }] of records.entries()) {
            assert.deepEqual(take(state, offset, key), expected[offset]);
            if (end < 4) {
              committed = from;
              await kept(state, offset);
              if (end < 2) from = offset;
            } else if (end < 6) {
              // Killed: what no checkpoint has is gone, and all that is not committed comes again.
              const left = mkdtempSync(path.join(folder, "left-"));
              cpSync(at, left, { recursive: true });
              [state, at] = [await make({ directory: left, interval: 0 }), left];
              for (let again = from; again <= offset; again++)
                assert.deepEqual(take(state, again, records[again]?.key), expected[again]);
            }
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});
