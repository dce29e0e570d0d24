/** A model with what is computed by it, and how records become its inputs. */
import { ConfigError, Rejected } from "../../lib/errors";
import type { Message } from "../../lib/delivery/contract";
import { openEngine, type EngineSettings } from "../../lib/forecast/engines/open";
import type { ForecastEngine } from "../../lib/forecast/engines/port";
import type { Watch } from "../../lib/forecast/engines/remote";
import { forecaster, type Prepared } from "../../lib/forecast/forecast";
import { copyWindow } from "../../lib/forecast/history";
import type { ForecastMetadata } from "../../lib/forecast/metadata";
import { readSource } from "../../lib/forecast/model-source";
import { eventTime, readingReader } from "../../lib/forecast/readings";
import { readWindow } from "../../lib/forecast/windows";
import type { NodeContext } from "../../lib/node-context";
import { identityByContent, identityOf, type Identity } from "../../lib/state/contained";
import { compileKey } from "../../lib/stream/path";
import { shapeOf, type PredictorState, type Shape } from "./series";

export interface OpenedModel {
  readonly metadata: ForecastMetadata;
  readonly engine: ForecastEngine;
  /** Which series it goes on with. */
  readonly shape: Shape;
  /** The model with the series that its records join. */
  with(state: PredictorState): LoadedModel;
}

export interface LoadedModel extends Omit<OpenedModel, "with"> {
  readonly state: PredictorState;
  /**
   * A record joins its series; a window is complete as it comes.
   * @param returns the record may come again: it gets the same window then
   * @throws Rejected
   */
  prepare(record: Message, arrived: number, returns: boolean): Prepared;
}

export interface ModelSettings extends EngineSettings {
  readonly key: string;
  readonly properties: readonly { feature: string; property: string }[];
}

/**
 * Opens the model of a file.
 * @throws ConfigError when the file is no model, or does not fit the settings
 */
export function openModel(
  node: Pick<NodeContext, "RED" | "log" | "warn">,
  settings: ModelSettings,
  file: string,
): OpenedModel {
  const source = readSource(file);
  const { metadata } = source;
  const reader = readingReader(metadata.features, propertiesOf(settings.properties, metadata));
  const keyOf = compileKey(settings.key);
  const { before: beyond, late, prepare } = forecaster(metadata);
  const shape = shapeOf(metadata, beyond);
  const { kept, width } = shape.grid;
  const scratch = new Float32Array(width);
  const scratchBytes = Buffer.from(scratch.buffer);
  /** The window of the record that is prepared now. */
  const recent = new Float32Array(kept * width);
  const engine = openEngine(source, settings, node.RED.settings.userDir, watchOf(node));

  function ofWindow(record: Message, arrived: number): Prepared {
    const window = record["window"] as WindowProperties;
    checkStep(window.step, metadata.stepLength);
    const key = typeof window.key === "string" ? window.key : keyOf(record);
    const names = Array.isArray(window.features) ? window.features.map(String) : undefined;
    const { rows, count, end } = readWindow(record.payload, reader, metadata.stepLength, names);
    const closed = eventTime(window.end);
    const time = end ?? eventTime(record["timestamp"]);
    const at = time ?? (closed === undefined ? Date.now() : closed - metadata.stepLength);
    return prepare(rows, count, at, key, arrived);
  }

  /** A record of this time and reading again leaves its series as it is, whether it is sent again or a second one. */
  function byContent(timestamp: number, reading: Float32Array, key: string): Identity {
    scratch.set(reading);
    return identityByContent(`${timestamp}/${scratchBytes.toString("base64")}`, key);
  }

  return {
    metadata,
    engine,
    shape,
    with: (state) => ({
      metadata,
      engine,
      shape,
      state,
      prepare(record, arrived, returns) {
        if (isWindow(record)) return ofWindow(record, arrived);
        const { source: from, parts } = record;
        const timestamp = eventTime(record["timestamp"]) ?? Date.now();
        const key = keyOf(record);
        const payload = reader.read(record.payload);
        const reading = { payload, timestamp, source: from, parts };
        const identity = identityOf(reading, key) ?? (returns ? byContent(timestamp, payload, key) : undefined);
        const { at = timestamp, window } = state.take(key, reading, identity) ?? {};
        if (!window) return { lacking: late(at, key, payload) };
        copyWindow(shape.grid, window, recent);
        return prepare(recent, kept, at, key, arrived);
      },
    }),
  };
}

/** Says in the log that the server is away, and that it is back: once each. */
const watchOf = ({ log, warn }: Pick<NodeContext, "log" | "warn">): Watch => ({
  away: ({ message }) => warn(`the model server does not answer: ${message}`),
  back: () => log("the model server answers again"),
});

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
