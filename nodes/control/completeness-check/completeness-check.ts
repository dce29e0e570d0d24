import { batchOf, isRecord } from "../../lib/batch";
import { checkInflux } from "../../lib/completeness/check-influx";
import { checkLake } from "../../lib/completeness/check-lake";
import { recordFeed } from "../../lib/completeness/record-feed";
import type { Message } from "../../lib/delivery/contract";
import { ConfigError, Rejected } from "../../lib/errors";
import { offsetMinutes } from "../../lib/files/columns";
import { pathTemplate } from "../../lib/lake/find";
import { deliveryError } from "../../lib/lake/store";
import { defineNode } from "../../lib/node";
import { CompletenessCheck, type CheckOptions } from "../../lib/stream/completeness/check";
import { completenessPicture } from "../../lib/stream/completeness/picture";
import type { CompletenessReport } from "../../lib/stream/completeness/report";
import { completenessTable } from "../../lib/stream/completeness/table";
import { template } from "../../lib/template";
import { declaration } from "./declaration";
import { timeBound } from "./time-bound";

/** Ports. */
const RESULT = 0;
const TABLE = 1;
const PICTURE = 2;
const PROGRESS = 3;
/** ms between two messages of progress. */
const PACE = 1_000;

/**
 * Told after each piece: what the status shows of it, which is the share of the files that is read, or a number of records where
 * nobody knows how many there are; and the message of progress.
 */
type Progress = (shown: string | number, read: object) => void;
/** Reads all that a message asks for; `more`: what the result says of it. */
type Examine = (
  message: Message,
  check: CompletenessCheck,
  signal: AbortSignal,
  progress: Progress,
) => Promise<{ readonly report: CompletenessReport; readonly more: object }>;

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const { over, lake, interval, tolerance, time, key, utcOffset, columns, nullWords, listed, remembered } = settings;
  const offset = offsetMinutes(utcOffset);
  const separator = settings.separator === "\\t" ? "\t" : settings.separator;
  if (!/^[\0-\x7f]$/u.test(separator) || separator === '"')
    throw new ConfigError(
      `Separator: "${separator}" is not one ASCII character other than a quote; \\t stands for tab`,
    );
  const options: CheckOptions = {
    interval: interval * 1_000,
    keyed: key !== "",
    listed,
    ...(tolerance === undefined ? {} : { tolerance: tolerance * 1_000 }),
    ...(remembered === undefined ? {} : { remembered }),
  };

  const tell = (report: CompletenessReport, more: object, into: Message, from: readonly Message[]): void => {
    node.status(report.complete ? "complete" : "incomplete", report.complete ? "green" : "yellow", report.rows);
    const word = node.word.bind(node);
    // one after the other in one turn: each carries the message's token before the message is done
    node.send({ ...into, payload: { ...report, ...more } }, { port: RESULT, from });
    node.send({ ...into, payload: completenessTable(report, word, offset) }, { port: TABLE, from });
    node.send({ ...into, payload: completenessPicture(report, word, offset) }, { port: PICTURE, from });
  };

  if (over === "flow") {
    let check = new CompletenessCheck(options);
    const open = (): ((record: Message) => void) => recordFeed(check, { time, key, utcOffset });
    let feed = open();
    const timer =
      settings.every > 0
        ? setInterval(() => tell(check.report(), {}, { topic: "completeness" }, []), settings.every * 1_000)
        : undefined;
    return {
      receive(message) {
        const { report, reset } = message;
        if (report || reset) {
          if (report) tell(check.report(), {}, message, [message]);
          if (reset) {
            check = new CompletenessCheck(options);
            feed = open();
          }
          return;
        }
        for (const [index, element] of (batchOf(message) ?? [message]).entries())
          if (isRecord(element)) feed(element);
          else check.unreadable(`element ${index} of a batch`, "it is no record");
        node.status("counting", "grey", check.rows);
      },
      close: () => clearInterval(timer),
    };
  }

  const examine = over === "lake" ? ofLake() : ofInflux();
  recordFeed(new CompletenessCheck(options), { time, key, utcOffset });
  const stop = new AbortController();
  let last: Promise<unknown> = Promise.resolve();

  function ofLake(): Examine {
    const where = pathTemplate(settings.path, "Path");
    if (!lake) throw new ConfigError("Lake: is not chosen");
    return async (message, check, signal, progress) => {
      const at = where.render(message);
      const { report, ...more } = await checkLake(check, lake.store, at, {
        feed: { separator, columns, nullWords, time, key, utcOffset },
        signal,
        progress: (read) => progress(percentOf(read), { path: at.text, ...read }),
      }).catch((error: unknown) => {
        throw deliveryError(error);
      });
      return { report, more: { path: at.text, ...more } };
    };
  }

  function ofInflux(): Examine {
    const { server } = settings;
    if (!server) throw new ConfigError("Server: is not chosen");
    if (settings.measurement.trim() === "") throw new ConfigError("Measurement: is required");
    const where = template(settings.measurement, "Measurement");
    const from = timeBound(settings.from, "From", utcOffset);
    const to = timeBound(settings.to, "To", utcOffset);
    return async (message, check, signal, progress) => {
      const query = { measurement: where.render(message), from: from(message), to: to(message) };
      await checkInflux(check, server, query, {
        feed: { time, key, utcOffset },
        signal,
        progress: () => progress(check.rows, query),
      });
      return { report: check.report(), more: query };
    };
  }

  const run = async (message: Message): Promise<void> => {
    let told = Date.now();
    const check = new CompletenessCheck(options);
    const progress: Progress = (shown, read) => {
      node.status(typeof shown === "number" ? "querying" : "checking", "blue", shown);
      if (Date.now() - told < PACE) return;
      told = Date.now();
      node.send({ payload: { rows: check.rows, ...read } }, { port: PROGRESS });
    };
    const { report, more } = await examine(message, check, stop.signal, progress).catch((error: unknown) => {
      // the next try meets the same
      if (error instanceof ConfigError) throw new Rejected(error.message, { cause: error });
      throw error;
    });
    tell(report, more, message, [message]);
  };

  return {
    async receive(message) {
      const release = node.hold(message, { records: 1, bytes: 0 });
      const turn = last.then(() => run(message));
      last = turn.catch(() => undefined);
      try {
        await turn;
      } finally {
        release();
      }
    },
    async close() {
      stop.abort();
      await last;
    },
  };
});

const percentOf = ({ read, bytes }: { readonly read: number; readonly bytes: number }): string =>
  `${bytes === 0 ? 0 : Math.floor((read / bytes) * 100)} %`;
