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
});
