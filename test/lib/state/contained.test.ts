import assert from "node:assert/strict";
import { ContainedRecords, identityByContent, identityOf } from "../../../nodes/lib/state/contained";

const kafka = (offset: unknown, more = {}) => ({
  source: { kind: "kafka", topic: "t", partition: 0, offset },
  ...more,
});

describe("the records that a state contains", () => {
  it("are known by their place and offset, whatever epoch and group brought them", () => {
    const [first, again] = [
      identityOf(kafka(7), "a"),
      identityOf({ source: { ...kafka(7).source, epoch: 3, group: "g" } }, "a"),
    ];
    assert.deepEqual(first, again);
    const others = [
      identityOf(kafka(8), "a"),
      identityOf(kafka(7), "b"),
      identityOf(kafka(7, { parts: { index: 1 } }), "a"),
      identityOf({ source: { ...kafka(7).source, partition: 1 } }, "a"),
      identityOf({ source: { kind: "file", path: "t", offset: 7 } }, "a"),
    ];
    for (const other of others) assert.notDeepEqual(other, first);
    assert.equal(new Set(others.map((other) => JSON.stringify(other))).size, others.length);
  });

  it("are windows by what they cover", () => {
    const window = { start: 0, end: 60, count: 3, reason: "time" };
    const ranges = { kind: "kafka", ranges: [] };
    assert.deepEqual(
      identityOf({ source: ranges, window }, "a"),
      identityOf({ source: ranges, window: { ...window } }, "a"),
    );
    assert.notDeepEqual(identityOf({ window }, "a"), identityOf({ window: { ...window, count: 4 } }, "a"));
  });

  it("are records by their own place and offset where they came late for a window", () => {
    const window = { start: 0, end: 60, count: 1, reason: "late", late: true };
    assert.deepEqual(identityOf(kafka(7, { window }), "a"), identityOf(kafka(7), "a"));
  });

  it("are remembered by their content where their node says so: the latest 10,000, whatever a source has committed", () => {
    const contained = new ContainedRecords();
    for (let n = 0; n <= 10_000; n++) contained.add(identityByContent(String(n), "a"), n);
    const { place } = identityByContent("", "a");
    contained.forget(place, 2 ** 52);
    assert.equal(contained.size, 10_000);
    assert.equal(contained.find(identityByContent("0", "a")), undefined);
    assert.deepEqual(contained.find(identityByContent("1", "a"))?.result, 1);
    assert.equal(contained.find(identityByContent("1", "b")), undefined);
  });

  it("are unknown where a source does not number its records", () => {
    for (const source of [undefined, { kind: "mqtt", topic: "t" }, { kind: "kafka", offset: "no number" }, "text"])
      assert.equal(identityOf({ source }, "a"), undefined);
  });

  it("keep what was said of them until their source has committed them", () => {
    const contained = new ContainedRecords();
    const identities = [5, 6, 7].map((offset) => identityOf(kafka(offset), "a"));
    for (const identity of identities)
      if (identity) contained.add(identity, identity.offset === 6 ? { alarm: true } : undefined);
    const [five, six] = identities;
    assert.ok(five && six);
    assert.deepEqual(contained.find(six), { offset: 6, result: { alarm: true } });
    contained.forget(six.place, 6);
    assert.equal(contained.find(five), undefined);
    assert.equal(contained.size, 2);
    const restored = new ContainedRecords();
    restored.restore(JSON.parse(JSON.stringify(contained.list())) as never);
    assert.deepEqual(restored.find(six), contained.find(six));
    assert.equal(restored.size, 2);
  });

  it("are the latest so many of a place, less what was committed from the front, also where some come again", () => {
    const MOST = 50;
    const contained = new ContainedRecords(MOST);
    /** Offsets that a state should contain, in the order in which they came. */
    let expected: number[] = [];
    let seed = 7;
    const random = (below: number): number => (seed = (Math.imul(seed, 48_271) >>> 0) % 2_147_483_647) % below;
    const identity = (offset: number) => identityOf(kafka(offset), "a") ?? assert.fail();
    let next = 0;
    for (let n = 0; n < 20_000; n++) {
      const kind = random(10);
      if (kind === 0) {
        const below = Math.max(0, next - random(2 * MOST));
        contained.forget(identity(0).place, below);
        const kept = expected.findIndex((offset) => offset >= below);
        expected = kept < 0 ? [] : expected.slice(kept);
      } else {
        // Most are new, some come again: their source brings what was not finished.
        const offset = kind < 3 ? Math.max(0, next - random(MOST)) : next++;
        contained.add(identity(offset), undefined);
        if (!expected.includes(offset)) expected.push(offset);
        if (expected.length > MOST) expected.shift();
      }
      if (n % 100 === 0)
        assert.deepEqual(
          contained.list().map(([, , offset]) => offset),
          expected,
        );
    }
  });

  it("are forgotten at the front as quickly after many as after few", () => {
    const took = (first: number): number => {
      const contained = new ContainedRecords(50_000);
      const add = (offset: number): void => contained.add({ place: "p", offset, id: String(offset) }, undefined);
      for (let offset = 0; offset < first; offset++) add(offset);
      const begin = performance.now();
      for (let offset = first; offset < first + 50_000; offset++) add(offset);
      return performance.now() - begin;
    };
    took(50_000);
    const [few, many] = [Math.min(took(0), took(0)), Math.min(took(90_000), took(90_000))];
    assert.ok(many < 20 * few, `50,000 records took ${few.toFixed(0)} ms, and later ${many.toFixed(0)} ms`);
  });
});
