/** The series of all keys: which models share them, and the state that they are. */
import { joinReading, type Grid, type Joined, type Reading } from "../../lib/forecast/history";
import { joinedCodec, seriesCodec } from "../../lib/forecast/history-bytes";
import type { ForecastMetadata } from "../../lib/forecast/metadata";
import { openState, type StateNode, type StateSettings } from "../../lib/state/fields";
import type { KeyedState } from "../../lib/state/port";

export type PredictorState = KeyedState<Joined, Reading>;

/** What models have in common that go on with the same series. */
export interface Shape {
  readonly name: string;
  readonly grid: Grid;
}

/** @param beyond rows before the window that the rule for gaps may look at */
export function shapeOf({ features, steps, stepLength }: ForecastMetadata, beyond: number): Shape {
  const kept = steps + beyond;
  const name = JSON.stringify([features.map((feature) => feature.name), kept, stepLength]);
  return { name, grid: { width: features.length, kept, stepLength } };
}

export const openSeries = (node: StateNode, settings: StateSettings, { name, grid }: Shape): PredictorState =>
  openState(node, settings, `lstm predictor 1 ${name}`, joinReading(grid), {
    codec: seriesCodec(grid),
    results: joinedCodec(grid),
    apart: true,
    outlives: true,
  });
