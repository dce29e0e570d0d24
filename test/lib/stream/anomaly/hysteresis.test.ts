import assert from "node:assert/strict";
import * as fc from "fast-check";
import { nextAlarm, type Alarm } from "../../../../nodes/lib/stream/anomaly/hysteresis";

const states = (
  scores: readonly number[],
  rules: { readings?: number; lasting?: number } = {},
  clear = 0.75,
): string => {
  let alarm: Alarm | undefined;
  return scores
    .map((score, time) => {
      alarm = nextAlarm(alarm, { score, clear }, time, { readings: 1, lasting: 0, ...rules });
      return { normal: "-", suspect: "s", alarm: "A" }[alarm?.state ?? "normal"];
    })
    .join("");
};

describe("hysteresis", () => {
  it("raises at the threshold and clears at the lower one", () => {
    assert.equal(states([0.9, 1, 0.9, 0.76, 0.75, 0.9, 1.5]), "-AAA--A");
  });

  it("never flaps: while scores stay above the lower threshold, an alarm that is raised stays", () => {
    const score = fc.double({ min: 0.751, max: 5, noNaN: true });
    fc.assert(
      fc.property(fc.array(score), fc.integer({ min: 1, max: 4 }), (scores, readings) => {
        assert.match(states(scores, { readings }), /^[-s]*A*$/u);
      }),
    );
  });

  it("that clears where it raises still has no score that does both", () => {
    assert.equal(states([1, 1, 1, 0.99, 1], {}, 1), "AAA-A");
  });

  it("waits for readings in a row, and for a time", () => {
    assert.equal(states([1, 1, 0.9, 1, 1, 1, 0], { readings: 3 }), "ss-ssA-");
    assert.equal(states([1, 1, 1, 1, 0.8, 0], { lasting: 2 }), "ssAAA-");
    assert.equal(states([1, 1, 1, 1, 1], { lasting: 2, readings: 4 }), "sssAA");
  });
});
