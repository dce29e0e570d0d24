import { isAbsolute, join, resolve } from "node:path";
import { batchOf, recordAt } from "../../lib/batch";
import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure, ConfigError, Rejected } from "../../lib/errors";
import { forecaster, type Forecast, type Prepared } from "../../lib/forecast/forecast";
import { openHistory } from "../../lib/forecast/history";
import { readModel, type Model } from "../../lib/forecast/model-file";
import { openPredictor } from "../../lib/forecast/predictor";
import { eventTime, readingReader } from "../../lib/forecast/readings";
import { readWindow } from "../../lib/forecast/windows";
import { defineNode } from "../../lib/node";
import { compileKey } from "../../lib/stream/path";
import { declaration } from "./declaration";
import { keepWindows } from "./kept-windows";

const SHIPPED = join(__dirname, "../../../../models/beijing-air");
const [FORECAST, NO_FORECAST] = [0, 1];

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const model = readModel(modelPath(settings.model, node.RED.settings.userDir));
  const { metadata } = model;
  const reader = readingReader(metadata.features, propertiesOf(settings.properties, model));
  const keyOf = compileKey(settings.key);
  const { before, late, prepare } = forecaster(metadata);
  const width = metadata.features.length;
  const kept = metadata.steps + before;
  const predictor = openPredictor(model);
  const history = openHistory({
    features: metadata.features.map((feature) => feature.name),
    kept,
    stepLength: metadata.stepLength,
    limit: settings.keys,
    dropped: (key) => windows.dropped(key),
  });
  const windows = keepWindows(node, settings.store, history);
  const inFlight = new Set<Promise<void>>();
  let loaded = false;
  node.status("ready", "grey");

  /** A record joins its series; a window is complete as it comes. */
  function prepareRecord(record: Message, arrived: number): Prepared {
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
    const place = history.add(key, at, reader.read(record.payload));
    if (place !== "stale") windows.changed(key);
    if (place !== "newest") return { lacking: late(at, key) };
    const rows = new Float32Array(kept * width);
    history.copy(key, rows);
    return prepare(rows, kept, at, key, arrived);
  }

  /** Forecasts for all records together; a record that is wrong has its error instead. */
  async function forecasts(
    records: readonly Message[],
    batch: boolean,
    arrived: number,
  ): Promise<(Forecast | Error)[]> {
    const prepared = records.map((record, index): Prepared | Error => {
      try {
        return prepareRecord(batch ? recordAt(index, record) : record, arrived);
      } catch (error) {
        return asError(error);
      }
    });
    const full = prepared.flatMap((one) => ("inputs" in one ? [one.inputs] : []));
    const size = metadata.steps * metadata.inputs.length;
    const inputs = new Float32Array(full.length * size);
    for (const [i, one] of full.entries()) inputs.set(one, i * size);
    const answers = full.length ? await predictor.predict(inputs, full.length) : inputs;
    let next = 0;
    return prepared.map((one) => {
      if (one instanceof Error) return one;
      if ("lacking" in one) return one.lacking;
      const from = next++ * metadata.outputs.length;
      return one.finish(answers.subarray(from, from + metadata.outputs.length));
    });
  }

  async function handle(message: Message): Promise<void> {
    const arrived = performance.now();
    if (!loaded) {
      await windows.loaded;
      loaded = true;
    }
    const batch = isWindow(message) ? undefined : batchOf(message);
    const records = batch ?? [message];
    const results = await forecasts(records, batch !== undefined, arrived);
    const failed: FailedElement[] = [];
    const ready: Message[] = [];
    const waiting: Message[] = [];
    for (const [index, forecast] of results.entries()) {
      const record = records[index] as Message;
      if (forecast instanceof Error) {
        failed.push({ index, error: forecast });
        continue;
      }
      // Elements may be shared with other branches: only the message is this node's own.
      if (batch) (forecast.ready ? ready : waiting).push({ ...record, forecast });
      else (forecast.ready ? ready : waiting).push(Object.assign(message, { forecast }));
    }
    if (ready.length) node.status("forecasting", "green", history.keys || undefined);
    else if (waiting.length) node.status("filling", "yellow");
    const send = (list: Message[], port: number): void => {
      if (list.length) node.send(batch ? { ...message, payload: list } : message, { port, from: [message] });
    };
    send(ready, FORECAST);
    send(waiting, NO_FORECAST);
    const [first] = failed;
    if (!first) return;
    if (!batch) throw first.error;
    throw new BatchFailure(`${failed.length} of ${records.length} records: ${first.error.message}`, failed);
  }

  return {
    receive(message) {
      const handled = handle(message);
      const settled = handled.then(
        () => void inFlight.delete(settled),
        () => void inFlight.delete(settled),
      );
      inFlight.add(settled);
      return handled;
    },
    async close() {
      await Promise.all(inFlight);
      await predictor.close();
      await windows.close();
    },
  };
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

function isWindow(message: Message): boolean {
  const window = message["window"] as WindowProperties | null | undefined;
  return typeof window === "object" && window !== null && window.late !== true;
}

function checkStep(step: unknown, needed: number): void {
  if (typeof step !== "number" || step === needed) return;
  throw new Rejected(
    `the window's rows are ${step} ms apart; the model needs ${needed} ms: set the window's step to it.`,
  );
}

/** A relative path is one from Node-RED's user directory. */
function modelPath(setting: string, userDir: string | undefined): string {
  if (setting === "") return SHIPPED;
  return isAbsolute(setting) ? setting : resolve(userDir ?? ".", setting);
}

function propertiesOf(rows: readonly { feature: string; property: string }[], model: Model): Map<string, string> {
  const known = model.metadata.features.map((feature) => feature.name);
  for (const { feature } of rows) {
    if (!known.includes(feature)) {
      throw new ConfigError(`Properties: the model has no feature "${feature}"; it has ${known.join(", ")}.`);
    }
  }
  return new Map(rows.map(({ feature, property }) => [feature, property]));
}
