import assert from "node:assert/strict";
import { openCollected } from "../../../nodes/lib/forecast/collected";
import { BLOCK, namesOf, seriesOf } from "../../../nodes/lib/forecast/series";
import { metadataOf } from "./models";

const HOUR = 3_600_000;
const metadata = metadataOf(["a"], 4);
const BLOCK_BYTES = BLOCK * 4;

function collect(bytes = 1_000_000) {
  const changed: string[] = [];
  const collected = openCollected({
    width: 1,
    stepLength: HOUR,
    bytes,
    changed: (key, number) => void changed.push(`${number}/${key}`),
  });
  return {
    collected,
    changed,
    add: (key: string, hour: number, value: number) => collected.add(key, hour * HOUR, Float32Array.of(value)),
  };
}

describe("collected readings", () => {
  it("lie on the nearest step, and one that comes again changes nothing", () => {
    const { collected, add } = collect();
    add("k", 10.4, 1);
    add("k", 9.6, 2);
    add("k", 11, 3);
    add("k", 11, 3);
    assert.equal(collected.readings, 2);
    const [series] = seriesOf(collected.blocks(), metadata);
    assert.deepEqual([series?.start, ...(series?.truth ?? [])], [10 * HOUR, 2, 3]);
  });

  it("become series whose short gaps are filled and that end where nothing reaches over", () => {
    const { collected, add } = collect();
    for (const hour of [-1, 0, 1, 4, 300, 301, 304]) add("k", hour, hour);
    add("other", 2, 7);
    const series = seriesOf(collected.blocks(), metadata);
    assert.deepEqual(
      series.map(({ name, start, rows }) => [name, start / HOUR, ...rows]),
      [
        ["k", -1, -1, 0, 1, 1, 1, 4],
        ["k", 300, 300, 301, 301, 301, 304],
        ["other", 2, 7],
      ],
    );
    assert.deepEqual([...(series[0]?.truth ?? [])], [-1, 0, 1, Number.NaN, Number.NaN, 4]);
    assert.deepEqual(namesOf(series), ["k", "other"]);
  });

  it("give way when there is no room, the oldest of all stations first, and are counted", () => {
    const { collected, changed, add } = collect(3 * BLOCK_BYTES);
    for (const [key, block] of [
      ["a", 5],
      ["b", 3],
      ["c", 4],
    ] as const) {
      add(key, block * BLOCK, 1);
      add(key, block * BLOCK + 1, 1);
    }
    changed.length = 0;
    assert.equal(add("d", 6 * BLOCK, 1), true);
    assert.deepEqual(changed, ["3/b", "6/d"]);
    assert.deepEqual([collected.stations, collected.readings, collected.dropped], [3, 5, 2]);
    assert.equal(add("b", 2 * BLOCK, 1), false, "older than everything kept");
    assert.deepEqual([collected.readings, collected.dropped, collected.bytes], [5, 3, 3 * BLOCK_BYTES]);
  });

  it("take little memory for times far apart", () => {
    const { collected, add } = collect();
    for (const hour of [0, 1e9, -1e9]) add("k", hour, 1);
    assert.equal(collected.bytes, 3 * BLOCK_BYTES);
    assert.deepEqual(
      seriesOf(collected.blocks(), metadata).map(({ count }) => count),
      [1, 1, 1],
    );
  });

  it("come back from where they were kept, and can be forgotten", () => {
    const { collected, add } = collect();
    add("k", 3, 1);
    const again = collect();
    for (const block of collected.blocks()) again.collected.restore(block);
    assert.equal(again.collected.readings, 1);
    assert.deepEqual(again.collected.blocks(), collected.blocks());
    again.collected.clear();
    assert.deepEqual([again.collected.readings, again.collected.stations, again.collected.bytes], [0, 0, 0]);
  });
});
