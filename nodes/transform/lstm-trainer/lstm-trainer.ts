import path from "node:path";
import { batchOf, recordAt } from "../../lib/batch";
import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure, ConfigError, messageOf, Rejected, Retriable } from "../../lib/errors";
import type { FitProgress } from "../../lib/forecast/fit";
import { modelCard } from "../../lib/forecast/model-card";
import type { Model } from "../../lib/forecast/model-file";
import { checkFolder, presentModel, publishModel } from "../../lib/forecast/publish-model";
import { readingReader } from "../../lib/forecast/readings";
import { fitInWorker } from "../../lib/forecast/train-in-worker";
import { schedule } from "../../lib/schedule";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { stateDirectory, stateSurroundings, throughState } from "../../lib/state/fields";
import { clockCheck } from "../../lib/stream/clock-ahead";
import { notNegative } from "../../lib/stream/duration";
import { compileKey, compilePath, describe } from "../../lib/stream/path";
import { timeAt } from "../../lib/stream/time-at";
import { timeZone } from "../../lib/time-zone";
import { declaration } from "./declaration";
import { readingsInMemory, readingsOnDisk } from "./kept-readings";
import { fittingOf, templateOf } from "./options";
import { atTimes, oneAtATime } from "./runs";
import { namedScores, trainingOf, verdictOf } from "./verdict";

const [CARD, PROGRESS] = [0, 1];

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const template = templateOf(settings);
  const fitting = fittingOf(settings);
  const keyOf = compileKey(settings.key);
  const timeIn = compilePath(settings.time, "Event time");
  const toTime = timeAt(settings.time);
  const checkClock = clockCheck(notNegative(settings.ahead, "Clock ahead"), settings.ahead);
  const properties = settings.features.filter(({ property }) => property.trim() !== "");
  const reader = readingReader(
    template.features,
    new Map(properties.map(({ feature, property }) => [feature.trim(), property])),
  );
  const folder = path.resolve(node.RED.settings.userDir ?? process.cwd(), settings.folder);
  const zone = timeZone(settings.zone, "Time zone");
  const times = settings.schedule.trim() === "" ? undefined : schedule(settings.schedule, zone, "Schedule");

  const bounds = {
    width: template.features.length,
    stepLength: template.stepLength,
    bytes: settings.maxMegabytes * 1_000_000,
  };
  const kept =
    settings.kept === "memory"
      ? readingsInMemory(bounds)
      : readingsOnDisk(
          {
            ...bounds,
            directory: stateDirectory(node, settings.stateFolder),
            format: JSON.stringify(["readings 1", template.stepLength, template.features.map(({ name }) => name)]),
            interval: settings.checkpointEvery * 1_000,
            warn: node.warn,
          },
          stateSurroundings(node),
        );
  const { collected } = kept;
  const closing = new AbortController();
  const closed = new Promise<never>((_, reject) => {
    closing.signal.addEventListener("abort", () => reject(closing.signal.reason as Error));
  });
  closed.catch(() => undefined);
  let cancel = new AbortController();
  let warned = false;
  /** The status says how training ended until another reading comes. */
  let fresh = true;

  const show = paced(() => {
    if (collected.dropped > 0 && !warned) {
      warned = true;
      node.warn(
        `Most (MB): ${settings.maxMegabytes} MB of readings are kept, as many as it may be; the oldest give way, which their count in the card tells`,
      );
    }
    if (runs.running || !fresh) return;
    if (collected.dropped > 0) node.status("full", "yellow", collected.readings);
    else node.status("collecting", "green", collected.readings);
  });

  /** @throws Rejected when it is no reading */
  function collect(record: Message): void {
    const row = reader.read(record.payload);
    const found = timeIn(record);
    const time = toTime(found);
    if (Number.isNaN(time)) {
      throw new Rejected(
        `Event time: ${settings.time} is ${describe(found)} in this record; it must be a time: enter in Event time where it is`,
      );
    }
    checkClock(time);
    collected.add(keyOf(record), time, row);
  }

  function collectAll(message: Message): void {
    const batch = batchOf(message);
    if (!batch) {
      collect(message);
      return;
    }
    const failed: FailedElement[] = [];
    for (const [index, element] of batch.entries()) {
      try {
        collect(recordAt(index, element));
      } catch (error) {
        failed.push({ index, error: asError(error) });
      }
    }
    const [first] = failed;
    if (first) throw new BatchFailure(`${failed.length} of ${batch.length} records: ${first.error.message}`, failed);
  }

  function tell(progress: FitProgress): void {
    if (progress.kind === "windows" || progress.kind === "ridge") node.status("preparing", "blue");
    if (progress.kind !== "epoch") return;
    const { network, networks, epoch } = progress;
    const { epoch: number, loss, validation, best, seconds } = epoch;
    const which = networks > 1 ? ` (${network}/${networks})` : "";
    node.status("epoch", "blue", `${number}/${settings.epochs}${which}, ${validation.toPrecision(4)}`);
    const payload = { network, networks, epoch: number, training: loss, validation, best, seconds };
    node.send({ topic: settings.modelName, payload }, { port: PROGRESS });
  }

  /** The model that is there. @throws ConfigError when it is broken, and is to be better than */
  function modelThere(): Model | undefined {
    try {
      return presentModel(folder);
    } catch (error) {
      const text = `the model in the folder can't be compared: ${messageOf(error)}`;
      if (settings.replace === "better") {
        throw new ConfigError(`${text}; remove it, choose another folder, or let it be replaced always`, {
          cause: error,
        });
      }
      node.warn(text);
      return undefined;
    }
  }

  async function train(messages: readonly Message[]): Promise<void> {
    const began = performance.now();
    cancel = new AbortController();
    const signal = AbortSignal.any([closing.signal, cancel.signal]);
    signal.throwIfAborted();
    await Promise.race([kept.ready, closed]);
    node.status("preparing", "blue");
    await checkFolder(folder);
    const present = modelThere();
    const { readings, dropped } = collected;
    const work = {
      template: { ...template, version: new Date().toISOString() },
      readings: { blocks: collected.blocks() },
      ...fitting,
      test: true,
      ...(present && { present }),
    };
    const fitted = await fitInWorker(work, tell, signal);
    node.status("scoring", "blue");
    const training = trainingOf(fitted, { seeds: fitting.seeds, ...fitting.shape, ...fitting.options });
    const model: Model = { ...fitted.model, metadata: { ...fitted.model.metadata, training } };
    const { better, replace, reason } = verdictOf(fitted, settings.replace, present !== undefined);
    const written = replace ? await publishModel(folder, model, modelCard(model.metadata), signal) : undefined;
    const { name, version } = model.metadata;
    const { from, trainedTo, chosenTo, testedTo, windows, stations } = training;
    const payload = {
      model: name,
      version,
      path: path.join(folder, "model.json"),
      better,
      replaced: replace,
      reason: node.word(reason.word, reason.values),
      stations,
      readings,
      dropped,
      from,
      trainedTo,
      chosenTo,
      testedTo,
      windows,
      ...namedScores(model.metadata),
      seconds: (performance.now() - began) / 1_000,
    };
    node.status(replace ? "written" : "notBetter", replace ? "green" : "yellow");
    const { train: _train, ...rest } = messages[0] ?? {};
    node.send({ ...rest, payload, loadModel: written ?? false }, { port: CARD, from: messages });
  }

  /** What a run threw, as it fails its messages: the same readings would fail again. */
  function failureOf(error: unknown): Error {
    if (error instanceof Retriable || error instanceof Rejected) return error;
    return new Rejected(`not trained: ${messageOf(error)}`, { cause: error });
  }

  const runs = oneAtATime(async (messages) => {
    try {
      await train(messages);
    } catch (error) {
      const failure = failureOf(error);
      if (!node.closing) node.status("untrained", "red");
      if (!messages.length && !closing.signal.aborted) node.error(failure.message);
      throw failure;
    } finally {
      fresh = false;
    }
  });
  const stopTimes = times && atTimes(times, () => void runs.ask().catch(() => undefined));

  async function trained(message: Message): Promise<void> {
    const release = node.hold(message, { records: 1, bytes: 0 });
    try {
      await runs.ask(message);
    } finally {
      release();
    }
  }

  const ready = kept.ready;
  if (ready) ready.then(show, () => undefined);
  else show();

  return {
    receive(message) {
      if (message["train"] === true) return trained(message);
      if (message["train"] === false) return undefined;
      if (message["cancel"] === true) {
        cancel.abort(new Rejected("training was cancelled by a message"));
        return undefined;
      }
      return throughState(node, kept, message, () => {
        try {
          if (message["reset"] === true) collected.clear();
          else collectAll(message);
        } finally {
          fresh = true;
          show();
        }
      });
    },
    async close() {
      stopTimes?.();
      show.stop();
      closing.abort(new Retriable("training was cancelled: the node was closed", { unreachable: true }));
      await runs.ended();
      await kept.close();
    },
  };
});
