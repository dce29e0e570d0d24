/** Flows with a forecast-monitor, and forecasts for it. */
import type { Message } from "../../nodes/lib/delivery/contract";
import { flowOf, type FlowNode } from "../harness";
import type { Outcome } from "../../nodes/transform/forecast-monitor/outcome";
import { at } from "./read";

export const HOUR = 3_600_000;

/** The monitor with all that it sends collected: `out`, `drift`, and in `caught` what has failed. */
export const monitorFlow = (settings: Record<string, unknown> = {}): FlowNode[] =>
  flowOf(
    {
      id: "node",
      type: "citystream-forecast-monitor",
      stateKept: "memory",
      window: 60,
      least: 24,
      band: 0,
      ...settings,
      wires: [["out"], ["drift"]],
    },
    { id: "out", type: "test-collect" },
    { id: "drift", type: "test-collect" },
    { id: "catch", type: "catch", scope: ["node"], wires: [["caught"]] },
    { id: "caught", type: "test-collect" },
  );

export interface Hour {
  /** What "a" is. */
  readonly actual: number | null;
  /** What it is said to be in an hour; undefined: there is no forecast. */
  readonly next?: number;
  readonly version?: string;
  readonly key?: string;
}

/** A record of an hour as lstm-predictor sends it: the model's test error is 2, its band ± 3. */
export function hourly(hour: number, { actual, next, version = "1", key = "k" }: Hour): Message {
  const common = { model: "m", version, key, at: hour * HOUR, step: HOUR, actual: { a: actual } };
  const forecast =
    next === undefined
      ? { ready: false, reason: "window", have: 1, need: 4, missing: [], ...common }
      : {
          ready: true,
          values: { a: { "1h": next } },
          quantiles: { a: { "1h": { "0.1": next - 3, "0.9": next + 3 } } },
          testError: { a: { "1h": 2 } },
          target: ["a"],
          units: { a: "°C" },
          horizons: { "1h": HOUR },
          latency: 0,
          filled: [],
          outOfRange: [],
          engine: "built-in",
          ...common,
        };
  return { payload: { a: actual }, key, timestamp: hour * HOUR, forecast };
}

/** Hours of a saw that goes up by five and falls back; forecasts of it are off by `off(hour)`. */
export const saw = (hour: number): number => 5 * (hour % 8);
export const sawn = (hour: number, off: number, more: Partial<Hour> = {}): Message =>
  hourly(hour, { actual: saw(hour), next: saw(hour + 1) + off, ...more });
/** A little more and a little less, as an error of a model that holds. */
export const little = (hour: number): number => (hour % 2 ? 1 : -1);

export const outcome = (message: Message | undefined): Outcome => at<Outcome>(message, "outcome");
