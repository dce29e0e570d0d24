import assert from "node:assert/strict";
import { normal, randomNumbers } from "../../../../nodes/lib/forecast/random";
import type { KeyState } from "../../../../nodes/lib/stream/anomaly/detector";
import { alertsIn, at, judged, made, MINUTE, series } from "./made";

const LIMITS = { method: "limits", raise: 10, clear: 2 };

describe("learning", () => {
  const random = randomNumbers(11);
  const calm = Array.from({ length: 100 }, () => 10 + normal(random));
  const higher = Array.from({ length: 100 }, () => 30 + normal(random));

  for (const method of ["zscore", "ewma"]) {
    it(`by ${method} leaves out what is in alarm, until so many readings are a new normal`, () => {
      const alerts = alertsIn(
        judged(made([{ method }], { relearn: 20, pause: "0" }), series([...calm, ...higher, ...calm])),
      );
      const [raised, cleared, again] = alerts;
      assert.ok(raised && cleared && again);
      assert.ok(Math.abs((raised.expected ?? 0) - 10) < 0.5);
      assert.equal(cleared.time - raised.time, 19 * MINUTE);
      assert.match(cleared.reason, /20 readings in a row were not normal; what is normal is learned anew/u);
      assert.ok(Math.abs((again.expected ?? 0) - 30) < 0.5, "the higher level has become normal");
    });

    it(`by ${method} never takes a fault for normal when it must not`, () => {
      const alerts = alertsIn(judged(made([{ method }], { relearn: 0 }), series([...calm, ...higher, ...calm])));
      assert.deepEqual(
        alerts.map(({ state }) => state),
        ["raised", "cleared"],
      );
      assert.ok((alerts[1]?.time ?? 0) / MINUTE >= 200);
    });

    it(`by ${method} follows at once where it learns in alarm`, () => {
      const alerts = alertsIn(
        judged(made([{ method }], { learnInAlarm: true, pause: "0" }), series([...calm, ...higher])),
      );
      assert.equal(alerts[1]?.state, "cleared");
      assert.ok((alerts[1]?.time ?? Infinity) / MINUTE < 200);
    });
  }

  it("goes on where a setting of a row was changed", () => {
    const before = made([{ method: "zscore" }]);
    const after = made([{ method: "zscore", more: "window=60", raise: 5 }, LIMITS]);
    const states = series(calm).reduce<KeyState | undefined>((state, record) => before(state, record).state, undefined);
    assert.equal(after(states, at(100, { x: 30 })).result?.alerts?.[0]?.method, "zscore");
  });
});
