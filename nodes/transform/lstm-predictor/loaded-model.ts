/** A model with what is computed by it: its windows, and how records become their inputs. */
import { ConfigError, Rejected } from "../../lib/errors";
import type { Message } from "../../lib/delivery/contract";
import { openEngine, type EngineSettings } from "../../lib/forecast/engines/open";
import type { ForecastEngine } from "../../lib/forecast/engines/port";
import type { Watch } from "../../lib/forecast/engines/remote";
import { forecaster, type Prepared } from "../../lib/forecast/forecast";
import { openHistory, type History } from "../../lib/forecast/history";
import type { ForecastMetadata } from "../../lib/forecast/metadata";
import { readSource } from "../../lib/forecast/model-source";
import { eventTime, readingReader } from "../../lib/forecast/readings";
import { readWindow } from "../../lib/forecast/windows";
import type { NodeContext } from "../../lib/node-context";
import { compileKey } from "../../lib/stream/path";
import { keepWindows, type KeptWindows } from "./kept-windows";
import { windowsUnderWay, type WindowsUnderWay } from "./windows-under-way";

export interface LoadedModel {
  readonly metadata: ForecastMetadata;
  readonly engine: ForecastEngine;
  readonly history: History;
  /** Resolves when the series kept in the context are back; undefined once they are. */
  readonly restoring: Promise<void> | undefined;
  /**
   * A record joins its series; a window is complete as it comes.
   * @param returns the record may come again: it gets the same window then
   * @throws Rejected
   */
  prepare(record: Message, arrived: number, returns: boolean): Prepared;
  /** Series that another model with the same features and steps goes on with. */
  readonly series: Series;
  /** Waits for its answers; `series`: lets go of them as well. */
  close(series: boolean): Promise<void>;
}

interface Series {
  readonly shape: string;
  readonly history: History;
  readonly windows: KeptWindows;
  readonly underWay: WindowsUnderWay;
}

export interface ModelSettings extends EngineSettings {
  readonly key: string;
  readonly properties: readonly { feature: string; property: string }[];
  readonly keys: number;
  readonly store: string;
}

export type PredictorNode = Pick<NodeContext, "RED" | "id" | "node" | "log" | "warn">;

/**
 * Opens the model of a file.
 * @param before the model that it follows: its series go on where they fit
 * @param opening told of the model before its engine has opened
 * @throws ConfigError when the file is no model, or does not fit the settings or the engine; then the model before stays as it is
 */
export async function loadModel(
  node: PredictorNode,
  settings: ModelSettings,
  file: string,
  before: LoadedModel | undefined,
  opening: (model: LoadedModel) => void,
): Promise<LoadedModel> {
  const model = openModel(node, settings, file, before?.series) ?? openModel(node, settings, file);
  const anew = model.series !== before?.series;
  opening(model);
  try {
    await model.engine.opened;
  } catch (error) {
    await model.close(anew);
    throw error;
  }
  // What is still to be written of the old series must not come after the new ones.
  if (anew) await before?.series.windows.close();
  return model;
}

/** The same, before its engine has opened; undefined: the series given do not fit it. */
export function openModel(node: PredictorNode, settings: ModelSettings, file: string): LoadedModel;
export function openModel(
  node: PredictorNode,
  settings: ModelSettings,
  file: string,
  before: Series | undefined,
): LoadedModel | undefined;
export function openModel(
  node: PredictorNode,
  settings: ModelSettings,
  file: string,
  before?: Series,
): LoadedModel | undefined {
  const source = readSource(file);
  const { metadata } = source;
  const reader = readingReader(metadata.features, propertiesOf(settings.properties, metadata));
  const keyOf = compileKey(settings.key);
  const { before: beyond, late, prepare } = forecaster(metadata);
  const width = metadata.features.length;
  const kept = metadata.steps + beyond;
  const features = metadata.features.map(({ name }) => name);
  const shape = JSON.stringify([features, kept, metadata.stepLength]);
  if (before && before.shape !== shape) return undefined;
  const series = before ?? openSeries(node, settings, { features, kept, stepLength: metadata.stepLength }, shape);
  const { history, windows, underWay } = series;
  const engine = openEngine(source, settings, node.RED.settings.userDir, watchOf(node));
  let restoring: Promise<void> | undefined = windows.loaded.then(() => {
    restoring = undefined;
  });

  return {
    metadata,
    engine,
    history,
    series,
    get restoring() {
      return restoring;
    },
    prepare(record, arrived, returns) {
      const time = eventTime(record["timestamp"]);
      if (isWindow(record)) {
        const window = record["window"] as WindowProperties;
        checkStep(window.step, metadata.stepLength);
        const key = typeof window.key === "string" ? window.key : keyOf(record);
        const names = Array.isArray(window.features) ? window.features.map(String) : undefined;
        const { rows, count, end } = readWindow(record.payload, reader, metadata.stepLength, names);
        const closed = eventTime(window.end);
        const at = end ?? time ?? (closed === undefined ? Date.now() : closed - metadata.stepLength);
        return prepare(rows, count, at, key, arrived);
      }
      const key = keyOf(record);
      const at = time ?? Date.now();
      const reading = reader.read(record.payload);
      const again = returns ? underWay.find(key, at, reading) : undefined;
      if (again) return prepare(again, kept, at, key, arrived);
      const place = history.add(key, at, reading);
      if (place !== "stale") windows.changed(key);
      if (place !== "newest") return { lacking: late(at, key, reading) };
      const rows = new Float32Array(kept * width);
      history.copy(key, rows);
      if (returns) underWay.keep(key, at, rows.slice());
      return prepare(rows, kept, at, key, arrived);
    },
    async close(alsoSeries) {
      await engine.close();
      if (alsoSeries) await windows.close();
    },
  };
}

/** Says in the log that the server is away, and that it is back: once each. */
const watchOf = ({ log, warn }: PredictorNode): Watch => ({
  away: ({ message }) => warn(`the model server does not answer: ${message}`),
  back: () => log("the model server answers again"),
});

function openSeries(
  node: PredictorNode,
  settings: ModelSettings,
  grid: { readonly features: readonly string[]; readonly kept: number; readonly stepLength: number },
  shape: string,
): Series {
  const history = openHistory({ ...grid, limit: settings.keys, dropped: (key) => windows.dropped(key) });
  const windows = keepWindows(node, settings.store, history);
  return { shape, history, windows, underWay: windowsUnderWay(node.id, shape) };
}

/** What window-batcher says of a window. */
interface WindowProperties {
  readonly key?: unknown;
  readonly end?: unknown;
  /** Names of a matrix's columns, and ms from row to row where they are steps of time. */
  readonly features?: unknown;
  readonly step?: unknown;
  /** The message is a late record, not a window. */
  readonly late?: unknown;
}

/** Whether a message's payload is a whole window. */
export function isWindow(message: Message): boolean {
  const window = message["window"] as WindowProperties | null | undefined;
  return typeof window === "object" && window !== null && window.late !== true;
}

function checkStep(step: unknown, needed: number): void {
  if (typeof step !== "number" || step === needed) return;
  throw new Rejected(
    `the window's rows are ${step} ms apart; the model needs ${needed} ms: set the window's step to it.`,
  );
}

function propertiesOf(
  rows: readonly { feature: string; property: string }[],
  metadata: ForecastMetadata,
): Map<string, string> {
  const known = metadata.features.map((feature) => feature.name);
  for (const { feature } of rows) {
    if (!known.includes(feature)) {
      throw new ConfigError(`Properties: the model has no feature "${feature}"; it has ${known.join(", ")}.`);
    }
  }
  return new Map(rows.map(({ feature, property }) => [feature, property]));
}
