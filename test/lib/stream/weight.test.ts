import assert from "node:assert/strict";
import * as fc from "fast-check";
import { MAX_WEIGHT, weightFunction } from "../../../nodes/lib/stream/weight";

/** A decimal as `n / 10^places`. */
interface Decimal {
  n: bigint;
  places: number;
}

const value = ({ n, places }: Decimal): number => Number(`${n}e-${places}`);

/** The published loop in whole numbers: everything is multiplied by 10^(places) and by |prev|. */
function loop(curr: Decimal, prev: Decimal, r: Decimal, step: Decimal): number {
  const places = Math.max(curr.places, prev.places);
  const c = curr.n * 10n ** BigInt(places - curr.places);
  const p = prev.n * 10n ** BigInt(places - prev.places);
  const base = p < 0n ? -p : p;
  const scale = Math.max(r.places, step.places);
  const fin = (c > p ? c - p : p - c) * 10n ** BigInt(scale);
  let threshold = r.n * 10n ** BigInt(scale - r.places) * base;
  const each = step.n * 10n ** BigInt(scale - step.places) * base;
  let weight = 0;
  while (fin >= threshold) {
    weight++;
    threshold += each;
  }
  return weight;
}

const decimal = (max: number, places: number) =>
  fc.record({ n: fc.bigInt(-BigInt(max), BigInt(max)), places: fc.integer({ min: 0, max: places }) });
const positive = (max: number, places: number) =>
  fc.record({ n: fc.bigInt(1n, BigInt(max)), places: fc.integer({ min: 0, max: places }) });

describe("the weight of a change", () => {
  it("equals the published loop in exact decimal arithmetic", () => {
    fc.assert(
      fc.property(decimal(100_000, 4), decimal(100_000, 4), positive(99, 3), positive(99, 3), (c, p, r, s) => {
        fc.pre(p.n !== 0n && (value(c) / value(p) - 1) / value(s) < 1e5 && (value(c) / value(p) - 1) / value(s) > -1e5);
        assert.equal(weightFunction(value(r), value(s))(value(c), value(p)), loop(c, p, r, s));
      }),
      { numRuns: 3000 },
    );
  });

  it("equals it on the borders, where floating point goes wrong", () => {
    // curr = prev · (1 ± (r + k·step)) exactly
    fc.assert(
      fc.property(positive(99_999, 6), fc.integer({ min: 0, max: 300 }), fc.boolean(), (p, k, up) => {
        const fin = BigInt(k) + 1n;
        const curr = { n: p.n * (up ? 10n + fin : 10n - fin), places: p.places + 1 };
        const tenth = { n: 1n, places: 1 };
        assert.equal(loop(curr, p, tenth, tenth), k + 1);
        assert.equal(weightFunction(0.1, 0.1)(value(curr), value(p)), k + 1);
      }),
      { numRuns: 3000 },
    );
  });

  it("is 3 from 20 to 26 by steps of 0.1, which a loop in doubles misses", () => {
    assert.equal(weightFunction(0.1, 0.1)(26, 20), 3);
    let [weight, r] = [0, 0.1];
    while ((26 - 20) / 20 >= r) [weight, r] = [weight + 1, r + 0.1];
    assert.equal(weight, 2);
  });

  it("is that of the published example: 12 % up and 14 % down weigh 1 each", () => {
    const weight = weightFunction(0.1, 0.1);
    assert.equal(weight(28, 25), 1);
    assert.equal(weight(48, 56), 1);
  });

  it("counts by the size of the previous value, whatever its sign", () => {
    const weight = weightFunction(0.1, 0.1);
    assert.equal(weight(-12, -10), 2);
    assert.equal(weight(10, -10), 20);
    assert.equal(weight(-10, -10), 0);
  });

  it("survives the ends of the number range", () => {
    const weight = weightFunction(0.1, 0.1);
    assert.equal(weight(1e300, 1e-300), MAX_WEIGHT);
    assert.equal(weight(1.7e308, -1.7e308), 20);
    assert.equal(weight(1e-320, 5e-321), 10);
    assert.equal(weight(Number.MAX_VALUE, Number.MAX_VALUE), 0);
    assert.equal(weight(11e21, 1e22), 1);
  });

  it("refuses a threshold or step that would never end", () => {
    for (const bad of [0, -1, NaN, Infinity]) {
      assert.throws(() => weightFunction(bad, 0.1), /threshold must be above 0/);
      assert.throws(() => weightFunction(0.1, bad), /step must be above 0/);
    }
  });
});
