/** A monitor in memory, and what it is told in its tests. */
import {
  monitorStep,
  openMonitor,
  type Monitor,
  type MonitorAnswer,
  type MonitorOptions,
  type MonitorState,
} from "../../../nodes/lib/forecast/monitor/monitor";
import type { Told, ToldSeries } from "../../../nodes/lib/forecast/monitor/read-forecast";
import type { DriftEvent } from "../../../nodes/lib/forecast/monitor/scores";
import { figuresOf, type Figures } from "../../../nodes/lib/forecast/monitor/window";
import type { Rules } from "../../../nodes/lib/forecast/monitor/rules";
import { InMemoryState } from "../../../nodes/lib/state/in-memory";

export const HOUR = 3_600_000;

export const RULES: Rules = {
  window: 240,
  least: 120,
  factor: 2,
  reference: "test",
  skill: true,
  band: 0.1,
  sigmas: 3,
};

export const OPTIONS: MonitorOptions = { rules: RULES, again: 0, late: 3, points: 20, each: false };

export const openIn = (options: MonitorOptions): Monitor =>
  openMonitor(new InMemoryState<MonitorState, MonitorAnswer>(monitorStep(options), 1_000), options);

/** A reading of target "a" at an hour, and what is forecast of it. */
export const told = (hour: number, actual: number | null, series: readonly ToldSeries[] = [], more = {}): Told => ({
  key: "k",
  model: "m",
  version: "1",
  at: hour * HOUR,
  step: HOUR,
  series,
  actual: { a: actual },
  ...more,
});

export const ahead = (hours: number, value: number, more: Partial<ToldSeries> = {}): ToldSeries => ({
  target: "a",
  horizon: `${hours}h`,
  ahead: hours,
  value,
  ...more,
});

/** Numbers of a normal distribution, the same for each seed (Box and Muller). */
export function normal(seed: number): () => number {
  let state = seed;
  const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let i = 0; i < 10; i++) uniform();
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

export const take = (monitor: Monitor, one: Told) => monitor.take(monitor.era(), {}, one);
export const run = (
  all: readonly Told[],
  options: MonitorOptions = OPTIONS,
): { monitor: Monitor; events: DriftEvent[] } => {
  const monitor = openIn(options);
  return { monitor, events: all.flatMap((one) => [...take(monitor, one).events]) };
};
export const figures = (monitor: Monitor, key = "k"): (Figures | undefined)[] =>
  (monitor.models(key).at(-1)?.series ?? []).map(({ blocks, nominal }) => figuresOf(blocks, nominal));
export const states = (events: readonly DriftEvent[]): string[] => events.map(({ state }) => state);
