import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Rejected } from "../../../../nodes/lib/errors";
import { normal, randomNumbers } from "../../../../nodes/lib/forecast/random";
import { InMemoryState } from "../../../../nodes/lib/state/in-memory";
import type { Judgement, KeyState } from "../../../../nodes/lib/stream/anomaly/detector";
import type { StreamRecord } from "../../../../nodes/lib/stream/record";
import { alertsIn, at, judged, made, MINUTE, series, told, type RowSettings } from "./made";

const LIMITS = { method: "limits", raise: 10, clear: 2 };
const AT_ONCE = { pause: "0" };

/** Rows of every method over two fields, quick to learn. */
const MANY: readonly RowSettings[] = [
  { method: "zscore", more: "warmup=4 window=8", raise: 2 },
  { method: "ewma", more: "warmup=4", raise: 2 },
  { method: "rate", raise: 5, more: "for=2" },
  { method: "stuck", raise: 3 },
  { method: "seasonal", more: "least=3", raise: 2 },
  { method: "forecast", more: "warmup=3", raise: 2 },
  { field: "y", method: "limits", low: -5, raise: 15 },
  { field: "y", method: "zscore", more: "warmup=4 window=0", raise: 2 },
];
const LIVELY = { pause: "3 min", grouping: "2 min", relearn: 6 };

/** Records of a key that spike, stand still, come late, at the same time, or without a reading. */
const records = fc
  .array(
    fc.record({
      step: fc.constantFrom(-2, 0, 1, 1, 1, 2, 60),
      x: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -50, max: 50 }), fc.constant(null)),
      y: fc.integer({ min: -10, max: 20 }),
    }),
    { maxLength: 80 },
  )
  .map((steps) => {
    let minute = 1000;
    return steps.map(({ step, x, y }): StreamRecord => {
      minute += step;
      const forecast = { ready: true, at: minute * MINUTE, values: { x: { "1m": 1 } }, horizons: { "1m": MINUTE } };
      return at(minute, { x, y }, { forecast });
    });
  });

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null) for (const part of Object.values(Object.freeze(value))) frozen(part);
  return value;
};

describe("the detector", () => {
  it("goes on the same after its state was kept as JSON, and never changes the state it was given", () => {
    fc.assert(
      fc.property(records, (all) => {
        const advance = made(MANY, LIVELY);
        let kept: KeyState | undefined;
        let plain: KeyState | undefined;
        for (const record of all) {
          const one = advance(plain, record);
          const other = advance(
            kept === undefined ? undefined : frozen(JSON.parse(JSON.stringify(kept)) as KeyState),
            record,
          );
          assert.deepEqual(other, one);
          plain = one.state;
          kept = other.state;
        }
      }),
    );
  });

  it("says the same of a key whatever other keys do in between", () => {
    fc.assert(
      fc.property(fc.array(records, { minLength: 2, maxLength: 3 }), fc.infiniteStream(fc.nat()), (keys, choices) => {
        const advance = made(MANY, LIVELY);
        const alone = keys.map((ofKey) => judged(advance, ofKey));
        const state = new InMemoryState<KeyState, Judgement>(advance, 10);
        const left = keys.map((ofKey, key) => ({ key, ofKey: [...ofKey] }));
        const together: (Judgement | undefined)[][] = keys.map(() => []);
        for (;;) {
          const open = left.filter(({ ofKey }) => ofKey.length > 0);
          const one = open[(choices.next().value ?? 0) % Math.max(1, open.length)];
          if (!one) break;
          together[one.key]?.push(state.take(String(one.key), one.ofKey.shift() as StreamRecord));
        }
        assert.deepEqual(together, alone);
      }),
    );
  });

  it("raises and clears each alert once, in turn", () => {
    fc.assert(
      fc.property(records, (all) => {
        const open = new Map<string, number>();
        for (const alert of alertsIn(judged(made(MANY, LIVELY), all)))
          for (const { field, method } of [alert, ...alert.related]) {
            const row = `${field} ${method}`;
            assert.equal(open.get(row) ?? 0, alert.state === "raised" ? 0 : 1, `${alert.state} ${row}`);
            open.set(row, alert.state === "raised" ? 1 : 0);
          }
      }),
    );
  });

  it("keeps a state that does not grow", () => {
    const random = randomNumbers(1);
    const advance = made(MANY, LIVELY);
    let state: KeyState | undefined;
    let largest = 0;
    for (let minute = 0; minute < 5000; minute++) {
      ({ state } = advance(state, at(minute, { x: 10 * normal(random), y: 10 * normal(random) })));
      if (minute >= 2000) largest = Math.max(largest, JSON.stringify(state).length);
    }
    assert.ok(largest < 10_000, `${largest} bytes`);
  });

  it("says that a late record is late, and neither judges nor learns it", () => {
    const advance = made([LIMITS]);
    const first = advance(undefined, at(5, { x: 1 }));
    const late = advance(first.state, at(4, { x: 99 }));
    assert.deepEqual(late.result, { anomaly: { score: 0, state: "normal", reasons: [], late: true } });
    assert.equal(late.state, first.state);
    assert.equal(advance(late.state, at(5, { x: 99 })).result?.anomaly?.state, "alarm", "of the same time is in order");
  });

  it("refuses a record without a time, and says which property should have it", () => {
    const advance = made([LIMITS], { time: "payload.seen" });
    for (const seen of [undefined, null, "yesterday", {}])
      assert.throws(
        () => advance(undefined, { payload: { x: 1, seen } }),
        (error: Error) => {
          assert.ok(error instanceof Rejected);
          return /Event time: payload.seen is .*name a property with its time/u.test(error.message);
        },
      );
    assert.equal(
      advance(undefined, { payload: { x: 1, seen: "2026-03-01T00:00:00Z" } }).state.at,
      Date.UTC(2026, 2, 1),
    );
  });

  it("begins anew on a state of another version", () => {
    const advance = made([LIMITS]);
    const old = { v: 0, at: 9e12 } as unknown as KeyState;
    assert.equal(advance(old, at(1, { x: 1 })).state.at, MINUTE);
  });

  it("tells in a record of what is suspect and what is in alarm, and says nothing of the rest", () => {
    const advance = made([
      { ...LIMITS, more: "for=2" },
      { field: "y", ...LIMITS },
    ]);
    const [calm, suspect, alarm, both] = judged(advance, [
      at(0, { x: 5, y: 5 }),
      at(1, { x: 11, y: 5 }),
      at(2, { x: 12, y: 5 }),
      at(3, { x: 9, y: 20 }),
    ]);
    assert.equal(calm, undefined);
    assert.deepEqual(suspect, {
      anomaly: {
        score: 1.1,
        state: "suspect",
        reasons: [
          {
            field: "x",
            method: "limits",
            value: 11,
            expected: null,
            score: 1.1,
            measure: 11,
            threshold: 10,
            message: "x = 11 has reached the high limit 10",
          },
        ],
      },
    });
    assert.equal(alarm?.anomaly?.state, "alarm");
    assert.deepEqual(
      both?.anomaly?.reasons.map(({ field, value }) => [field, value]),
      [
        ["x", 9],
        ["y", 20],
      ],
    );
    assert.equal(both?.anomaly?.score, 2);
  });

  it("shows in an alert what was read before it", () => {
    const [raised, cleared] = alertsIn(judged(made([LIMITS], { evidence: 3 }), series([1, 2, 3, 11, 5])));
    assert.deepEqual(
      raised?.evidence.map(({ time, value }) => [time / MINUTE, value]),
      [
        [1, 2],
        [2, 3],
        [3, 11],
      ],
    );
    assert.deepEqual(
      [raised?.since, raised?.time, cleared?.since, cleared?.time],
      [3, 3, 3, 4].map((m) => m * MINUTE),
    );
    assert.deepEqual([cleared?.state, cleared?.value, cleared?.field, cleared?.method], ["cleared", 5, "x", "limits"]);
  });
});

describe("alerts", () => {
  it("make one of the fields that are in alarm by the same record, called by the highest score", () => {
    const advance = made([LIMITS, { field: "y", ...LIMITS }], AT_ONCE);
    const alerts = alertsIn(judged(advance, [at(0, { x: 11, y: 30 }), at(1, { x: 1, y: 30 }), at(2, { x: 1, y: 1 })]));
    assert.deepEqual(
      alerts.map(({ state, field, time, related }) => [state, field, time / MINUTE, related.map((one) => one.field)]),
      [
        ["raised", "y", 0, ["x"]],
        ["cleared", "y", 2, ["x"]],
      ],
    );
    assert.equal(alerts[0]?.related[0]?.reason, "x = 11 has reached the high limit 10");
  });

  it("wait for other fields as long as they are grouped within, and no longer", () => {
    const advance = made([LIMITS, { field: "y", ...LIMITS }, { field: "z", ...LIMITS }], { grouping: "2 min" });
    const alerts = alertsIn(
      judged(advance, [
        at(0, { x: 11 }),
        at(1, { y: 12 }),
        at(3, { z: 13 }),
        at(4, { x: 1 }),
        at(5, { z: 1 }),
        at(6, { y: 1 }),
      ]),
    );
    assert.deepEqual(
      alerts.map(({ state, field, since, time, related }) => [
        state,
        field,
        since / MINUTE,
        time / MINUTE,
        related.map((one) => one.field),
      ]),
      [
        ["raised", "y", 0, 3, ["x"]],
        ["raised", "z", 3, 5, []],
        ["cleared", "z", 3, 5, []],
        ["cleared", "y", 0, 6, ["x"]],
      ],
    );
  });

  it("pause after one of a field, and tell then what has lasted", () => {
    const advance = made([LIMITS], { pause: "5 min" });
    const values = [11, 1, 11, 1, 11, 11, 11, 11, 1];
    assert.deepEqual(told(advance, series(values)), ["raised 0", "cleared 1", "raised 5", "cleared 8"]);
  });

  it("of another field do not pause", () => {
    const advance = made([LIMITS, { field: "y", ...LIMITS }], { pause: "5 min" });
    assert.deepEqual(told(advance, [at(0, { x: 11, y: 0 }), at(1, { x: 11, y: 11 })]), ["raised 0", "raised 1"]);
  });

  it("stay one while a row of theirs comes and goes", () => {
    const advance = made([LIMITS, { field: "y", ...LIMITS }], AT_ONCE);
    const both = [at(0, { x: 11, y: 11 }), at(1, { x: 1, y: 11 }), at(2, { x: 11, y: 11 }), at(3, { x: 1, y: 1 })];
    assert.deepEqual(told(advance, both), ["raised 0", "cleared 3"]);
  });
});
