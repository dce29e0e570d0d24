import assert from "node:assert/strict";
import { readingReader } from "../../../nodes/lib/forecast/readings";
import { readWindow } from "../../../nodes/lib/forecast/windows";
import { metadataOf } from "./models";

const HOUR = 3_600_000;
const { features } = metadataOf(["a", "b"], 3);
const reader = readingReader(features);
const read = (payload: unknown, names?: string[]): { rows: number[]; count: number; end: number | undefined } => {
  const { rows, count, end } = readWindow(payload, reader, HOUR, names);
  return { rows: [...rows], count, end };
};

describe("windows for a model", () => {
  it("come as records, put on the model's grid by their time", () => {
    const records = [3, 0, 1].map((hour) => ({ payload: { a: hour, b: -hour }, timestamp: hour * HOUR + 1000 }));
    assert.deepEqual(read(records), { rows: [0, -0, 1, -1, Number.NaN, Number.NaN, 3, -3], count: 4, end: 3 * HOUR });
  });

  it("come as plain objects without a time, one step apart", () => {
    const rows = [
      { a: 1, b: 2 },
      { b: 4, a: 3 },
    ];
    assert.deepEqual(read(rows), { rows: [1, 2, 3, 4], count: 2, end: undefined });
  });

  it("come as columns, with null for a gap", () => {
    assert.deepEqual(read({ b: [2, null], a: [1, 3], other: ["x", "y"] }), {
      rows: [1, 2, 3, Number.NaN],
      count: 2,
      end: undefined,
    });
  });

  it("come as columns with their times, put on the model's grid", () => {
    assert.deepEqual(read({ time: [HOUR, 3 * HOUR], a: [1, 3], b: [2, 4] }), {
      rows: [1, 2, Number.NaN, Number.NaN, 3, 4],
      count: 3,
      end: 3 * HOUR,
    });
  });

  it("come as a matrix in the model's order, or with named columns in any", () => {
    assert.deepEqual(read(Float32Array.of(1, 2, 3, 4)).rows, [1, 2, 3, 4]);
    assert.deepEqual(read(Float32Array.of(2, 9, 1, 4, 9, 3), ["b", "x", "a"]).rows, [1, 2, 3, 4]);
    assert.deepEqual(read({ features: ["b", "a"], values: [2, 1, 4, 3] }).rows, [1, 2, 3, 4]);
    assert.deepEqual(read([1, 2, null, 4]).rows, [1, 2, Number.NaN, 4]);
  });

  it("are refused when a few records with wild times span more than memory should hold", () => {
    const records = [0, 1e12].map((hour) => ({ payload: { a: 1, b: 1 }, timestamp: hour * HOUR }));
    assert.throws(() => read(records), /span 1000000000001 steps of the model/);
  });

  it("are refused when empty, of the wrong type, or without one of the features", () => {
    assert.throws(() => read([]), /the window has no|no rows of 2 features/);
    assert.throws(() => read("text"), /the window is "text"; it must be records, columns or a Float32Array/);
    assert.throws(() => read({ a: [1] }), /the window has no b; the model needs a, b/);
    assert.throws(() => read({ a: ["x"], b: [1] }), /a is "x"; it must be a number/);
  });
});

describe("readings of a record", () => {
  const wind = readingReader([{ name: "wd", unit: "°", min: 0, max: 360, type: "compass" }]);

  it("take compass points and degrees for a wind direction", () => {
    assert.deepEqual([...wind.read({ wd: "nnw" })], [337.5]);
    assert.deepEqual([...wind.read({ wd: 90 })], [90]);
    assert.throws(() => wind.read({ wd: "up" }), /wd is "up"; it must be a number or NNW etc\./);
  });

  it("take numbers as text, and what data sets write for a missing one", () => {
    assert.deepEqual([...reader.read({ a: " 1.5 ", b: "NA" })], [1.5, Number.NaN]);
    assert.deepEqual([...reader.read({ a: null, b: 2 })], [Number.NaN, 2]);
  });

  it("never read what an object merely inherits", () => {
    const inherited = readingReader([{ name: "constructor", unit: "", min: 0, max: 1 }]);
    assert.throws(() => inherited.read({}), /none of the model's features constructor/);
  });
});
