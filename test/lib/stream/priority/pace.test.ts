import assert from "node:assert/strict";
import * as fc from "fast-check";
import { InMemory, type Resident } from "../../../../nodes/lib/stream/priority/in-memory";
import { Pace } from "../../../../nodes/lib/stream/priority/pace";

describe("the pace of a rate", () => {
  it("lets no more go than its rate and 100 ms of it, whenever it is asked", () => {
    const asked = fc.array(fc.nat(300), { maxLength: 100 });
    fc.assert(
      fc.property(asked, fc.constantFrom(1, 7, 100, 5000), (waits, rate) => {
        const pace = new Pace(rate);
        let now = 1000;
        let gone = 0;
        for (const wait of waits) {
          now += wait;
          while (pace.due <= now) {
            pace.took(now);
            gone++;
          }
          assert.ok(gone <= ((now - 1000 + 100) / 1000) * rate + 1, `${gone} in ${now - 1000} ms`);
        }
      }),
    );
  });

  it("goes on as fast as it may", () => {
    const pace = new Pace(100);
    let gone = 0;
    for (let now = 0; now < 10_000; now += 3) for (; pace.due <= now; gone++) pace.took(now);
    assert.ok(gone >= 1000 && gone <= 1011, `${gone}`);
    const endless = new Pace(Infinity);
    for (let n = 0; n < 1000; n++) {
      assert.ok(endless.due <= 5);
      endless.took(5);
    }
  });
});

describe("what waits in memory", () => {
  it("gives up what will leave last: the youngest of the lowest class", () => {
    const steps = fc.array(fc.tuple(fc.constantFrom("add", "remove", "pop"), fc.nat(2), fc.nat(1000)), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const memory = new InMemory<Resident & { n: number }>(3);
        let inside: (Resident & { n: number })[] = [];
        all.forEach(([kind, level, at], n) => {
          if (kind === "add") {
            const one = { level, bytes: 1 + (at % 10), resident: false, n };
            memory.add(one);
            inside.push(one);
          } else if (kind === "remove") {
            const one = inside[at % Math.max(1, inside.length)];
            if (one) memory.remove(one);
            inside = inside.filter((other) => other !== one);
          } else {
            const lowest = Math.min(...inside.map((one) => one.level));
            const expected = inside.filter((one) => one.level === lowest).at(-1);
            const popped = memory.pop();
            assert.equal(popped, expected);
            if (popped) memory.remove(popped);
            inside = inside.filter((other) => other !== popped);
          }
          assert.equal(memory.count, inside.length);
          assert.equal(
            memory.bytes,
            inside.reduce((sum, { bytes }) => sum + bytes, 0),
          );
        });
      }),
    );
  });
});
