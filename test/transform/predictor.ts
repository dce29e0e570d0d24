/** What the predictor's tests share: two small models in files, records for them, and the reference's word. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message } from "../../nodes/lib/delivery/contract";
import type { ForecastMissing, ForecastReady } from "../../nodes/lib/forecast/forecast";
import { writeModel } from "../../nodes/lib/forecast/model-file";
import { flowOf, until, type FlowNode, type Harness } from "../harness";
import { referenceForecast, testModel } from "../lib/forecast/models";
import { at } from "./read";

export const HOUR = 3_600_000;

/** Models of features a and b over four steps, with weights from seeds 1 and 2; the seed is their version. */
export interface ModelFiles {
  readonly folder: string;
  readonly one: string;
  readonly two: string;
}

/** For the tests of one `describe`: the files are there before them and gone after. */
export function modelFiles(): ModelFiles {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-models-"));
  const files = { folder, one: path.join(folder, "one"), two: path.join(folder, "two") };
  before(async () => {
    await writeModel(files.one, testModel(1));
    await writeModel(files.two, testModel(2));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  return files;
}

/** The predictor with all that it sends collected: `out`, `none`, and in `caught` what has failed. */
export const predictorFlow = (model: string, settings: Record<string, unknown> = {}): FlowNode[] =>
  flowOf(
    { id: "node", type: "citystream-lstm-predictor", key: "key", model, ...settings, wires: [["out"], ["none"]] },
    { id: "out", type: "test-collect" },
    { id: "none", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

/** Waits until the series are back that the node has on disk. */
export const restored = (red: Harness): Promise<void> =>
  until("its series are back", () => red.status("node")?.text === "ready");

let tests = 0;

/** Records of an hour; series outlive a deploy, so that each test has keys of its own. */
export function records(): (key: string, hour: number, a: unknown, b: unknown) => Message {
  const test = ++tests;
  return (key, hour, a, b) => ({ payload: { a, b }, key: `${key}${test}`, timestamp: hour * HOUR });
}

export const ready = (message: Message | undefined): ForecastReady => at<ForecastReady>(message, "forecast");
export const missing = (message: Message | undefined): ForecastMissing => at<ForecastMissing>(message, "forecast");

/** A window in which nothing changes. */
export const constant = (a: number, b: number): number[][] => Array.from({ length: 4 }, () => [a, b]);

/** That the forecast is what the reference computes for this window with the model of this seed, of feature a and another. */
export function assertForecast(forecast: ForecastReady, window: number[][], seed = 1, other = "b"): void {
  const [a = 0, b = 0] = referenceForecast(testModel(seed), window);
  const [gotA, gotB] = [forecast.values["a"]?.["1h"] ?? Number.NaN, forecast.values[other]?.["2h"] ?? Number.NaN];
  assert.ok(Math.abs(gotA - a) < 1e-5 && Math.abs(gotB - b) < 1e-5, `${gotA}, ${gotB} instead of ${a}, ${b}`);
}
