import { isAbsolute, join, resolve } from "node:path";
import { batchOf, recordAt } from "../../lib/batch";
import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure, messageOf, Rejected } from "../../lib/errors";
import { extended } from "../../lib/extended";
import type { Answers } from "../../lib/forecast/engines/port";
import type { Forecast, ForecastMissing, FullWindow, Prepared } from "../../lib/forecast/forecast";
import { eventTime } from "../../lib/forecast/readings";
import { defineNode } from "../../lib/node";
import { weightOf } from "../../lib/state/checkpoints";
import { forgetMemory } from "../../lib/state/in-memory";
import { compileKey } from "../../lib/stream/path";
import { UnderWay } from "../../lib/under-way";
import { declaration } from "./declaration";
import { isWindow, type LoadedModel } from "./loaded-model";
import { modelPlace } from "./model-place";
import { modelTurns, type Turn } from "./model-turns";

const SHIPPED = join(__dirname, "../../../../models/beijing-air");
const [FORECAST, NO_FORECAST] = [0, 1];
const NO_ANSWERS: Answers = { values: new Float32Array(0), origins: [] };

/** How a message came. */
interface Arrival {
  readonly batch: boolean;
  /** `performance.now()` */
  readonly arrived: number;
  /** Its source sends it again when something fails. */
  readonly returns: boolean;
}

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const pathOf = (setting: string): string => modelPath(setting, node.RED.settings.userDir);
  const keyOf = compileKey(settings.key);
  const place = modelPlace(node, settings, pathOf(settings.model), settings.lookEvery * 1_000, ({ metadata }) => {
    node.log(`the model is ${metadata.name} ${metadata.version}`);
    node.status("ready", "grey");
  });
  const inFlight = new UnderWay();
  const turns = modelTurns();
  const { present } = place;
  let broken = false;
  const showReady = (): void => {
    if (!broken) node.status("ready", "grey");
  };
  if (!present) node.status("noModel", "yellow");
  else if (present.state.ready) present.state.ready.then(showReady, () => undefined);
  else showReady();
  present?.engine.opened.catch((error: unknown) => {
    if (node.closing) return;
    broken = true;
    node.status("engine", "red");
    node.error(messageOf(error));
  });

  /** No forecast for a record that comes before the first model. */
  function withoutModel(record: Message): ForecastMissing {
    const at = eventTime(record["timestamp"]) ?? Date.now();
    return {
      ready: false,
      reason: "model",
      have: 0,
      need: 0,
      missing: [],
      model: "",
      version: "",
      key: keyOf(record),
      at,
      step: 0,
      actual: {},
    };
  }

  /**
   * Forecasts for all records together, by one model, in the turn in which it is looked up: it may be another in the next.
   * A record that is wrong has its error instead.
   */
  async function forecasts(
    model: LoadedModel | undefined,
    records: readonly Message[],
    { batch, arrived, returns }: Arrival,
  ): Promise<(Forecast | Error)[]> {
    const prepared = records.map((record, index): Prepared | Error => {
      try {
        const one = batch ? recordAt(index, record) : record;
        return model ? model.prepare(one, arrived, returns) : { lacking: withoutModel(one) };
      } catch (error) {
        return asError(error);
      }
    });
    const full = prepared.filter((one): one is FullWindow => "inputs" in one);
    const { values, origins } =
      model && full.length ? await model.engine.predict(inputsOf(full), full.length) : NO_ANSWERS;
    const outputs = model?.metadata.outputs.length ?? 0;
    let next = 0;
    return prepared.map((one) => {
      if (one instanceof Error) return one;
      if ("lacking" in one) return one.lacking;
      const at = next++;
      const origin = origins[at];
      if (!(origin instanceof Error)) return one.finish(values.subarray(at * outputs, (at + 1) * outputs), origin);
      return origin;
    });
  }

  /** Resolves when the series are back of the model that answers then: another may come meanwhile. @throws Retriable at close */
  async function restored(): Promise<void> {
    for (;;) {
      const model = place.present;
      const { ready } = model?.state ?? {};
      if (!ready) return;
      await ready.catch((error: unknown) => {
        if (place.present === model) throw error;
      });
    }
  }

  /** The same of the series of a message's partition, where each has its own; undefined when they are back. */
  function restoredFor(message: Message): Promise<void> | undefined {
    const model = place.present;
    return model?.state.readyFor?.(message)?.catch((error: unknown) => {
      if (place.present === model) throw error;
    });
  }

  /** Its answers leave at once; its records are finished when they have, and what they changed is kept. */
  async function handle(message: Message): Promise<void> {
    const arrived = performance.now();
    const joins = !isWindow(message);
    if (joins && place.present?.state.ready) {
      const release = node.hold(message, { counts: true, ...weightOf(message) });
      await restored().finally(release);
    }
    for (let ready = joins && restoredFor(message); ready; ready = restoredFor(message)) {
      const release = node.hold(message, { counts: true, ...weightOf(message) });
      await ready.finally(release);
    }
    const model = place.present;
    // Series take its records in the turn in which the model is looked up.
    const answered = inFlight.add(answer(message, model, arrived, turns.enter(model)));
    const kept = joins ? model?.state.kept(message) : undefined;
    if (!kept) return answered;
    const failed = (await Promise.allSettled([answered, kept])).find(({ status }) => status === "rejected");
    if (failed) throw asError((failed as PromiseRejectedResult).reason);
  }

  async function answer(message: Message, model: LoadedModel | undefined, arrived: number, turn: Turn): Promise<void> {
    try {
      await send(message, model, arrived, turn);
    } finally {
      turn.leave();
    }
  }

  async function send(message: Message, model: LoadedModel | undefined, arrived: number, turn: Turn): Promise<void> {
    const batch = isWindow(message) ? undefined : batchOf(message);
    const records = batch ?? [message];
    const results = await forecasts(model, records, {
      batch: batch !== undefined,
      arrived,
      returns: node.emissionsOf(message).length > 0,
    });
    if (turn.before) await turn.before;
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
      if (batch) (forecast.ready ? ready : waiting).push(extended(record, { forecast }));
      else (forecast.ready ? ready : waiting).push(Object.assign(message, { forecast }));
    }
    const instead = results.some((one) => !(one instanceof Error) && one.ready && one.fallback);
    const keys = model?.state.keys ?? 0;
    if (instead) node.status("fallback", "yellow");
    else if (ready.length && keys > 0) node.status("following", "green", keys);
    else if (ready.length) node.status("forecasting", "green");
    else if (waiting.length) node.status(model ? "filling" : "noModel", "yellow");
    const sendList = (list: Message[], port: number): void => {
      if (list.length) node.send(batch ? { ...message, payload: list } : message, { port, from: [message] });
    };
    sendList(ready, FORECAST);
    sendList(waiting, NO_FORECAST);
    const [first] = failed;
    if (!first) return;
    if (!batch) throw first.error;
    throw new BatchFailure(`${failed.length} of ${records.length} records: ${first.error.message}`, failed);
  }

  /** A message that is no record but names a model, as lstm-trainer sends; or false, when the one there stays. */
  async function load(file: string | false): Promise<void> {
    if (file === false) return;
    // Records that came before it have still to join their series.
    await restored();
    try {
      await inFlight.add(place.load(pathOf(file)));
    } catch (error) {
      // The next try meets the same file.
      throw new Rejected(`the new model is not taken, the one before goes on: ${messageOf(error)}`, { cause: error });
    }
  }

  return {
    receive(message) {
      const { loadModel } = message;
      return typeof loadModel === "string" || loadModel === false ? load(loadModel) : handle(message);
    },
    async close(removed) {
      place.hurry();
      await inFlight.done();
      await place.close(() => inFlight.done());
      if (removed) forgetMemory(node.id);
    },
  };
});

/** The inputs of all windows, one after the other. */
function inputsOf(windows: readonly FullWindow[]): Float32Array {
  const [{ inputs }] = windows as [FullWindow];
  if (windows.length === 1) return inputs;
  const all = new Float32Array(windows.length * inputs.length);
  for (const [i, one] of windows.entries()) all.set(one.inputs, i * inputs.length);
  return all;
}

/** A relative path is one from Node-RED's user directory. */
function modelPath(setting: string, userDir: string | undefined): string {
  if (setting === "") return SHIPPED;
  return isAbsolute(setting) ? setting : resolve(userDir ?? ".", setting);
}
