import { batchOf, isRecord } from "../../lib/batch";
import { recordFeed } from "../../lib/completeness/record-feed";
import type { Message } from "../../lib/delivery/contract";
import { ConfigError, Rejected } from "../../lib/errors";
import { offsetMinutes } from "../../lib/files/columns";
import { pathTemplate } from "../../lib/lake/find";
import { checkLake } from "../../lib/completeness/check-lake";
import { deliveryError } from "../../lib/lake/store";
import { defineNode } from "../../lib/node";
import { CompletenessCheck, type CheckOptions } from "../../lib/stream/completeness/check";
import { completenessPicture } from "../../lib/stream/completeness/picture";
import type { CompletenessReport } from "../../lib/stream/completeness/report";
import { completenessTable } from "../../lib/stream/completeness/table";
import { declaration } from "./declaration";

/** Ports. */
const RESULT = 0;
const TABLE = 1;
const PICTURE = 2;
const PROGRESS = 3;
/** ms between two messages of progress. */
const PACE = 1_000;

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const { over, lake, interval, tolerance, time, key, utcOffset, columns, nullWords, listed, remembered } = settings;
  const offset = offsetMinutes(utcOffset);
  const separator = settings.separator === "\\t" ? "\t" : settings.separator;
  if (!/^[\0-\x7f]$/u.test(separator) || separator === '"')
    throw new ConfigError(
      `Separator: "${separator}" is not one ASCII character other than a quote; \\t stands for tab`,
    );
  const where = pathTemplate(settings.path, "Path");
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

  if (!lake) throw new ConfigError("Lake: is not chosen");
  recordFeed(new CompletenessCheck(options), { time, key, utcOffset });
  const stop = new AbortController();
  let last: Promise<unknown> = Promise.resolve();

  const run = async (message: Message): Promise<void> => {
    const at = where.render(message);
    let told = Date.now();
    const check = new CompletenessCheck(options);
    const done = await checkLake(check, lake.store, at, {
      feed: { separator, columns, nullWords, time, key, utcOffset },
      signal: stop.signal,
      progress(read) {
        node.status("checking", "blue", `${read.bytes === 0 ? 0 : Math.floor((read.read / read.bytes) * 100)} %`);
        if (Date.now() - told < PACE) return;
        told = Date.now();
        node.send({ payload: { path: at.text, rows: check.rows, ...read } }, { port: PROGRESS });
      },
    }).catch((error: unknown) => {
      // the next try meets the same file
      if (error instanceof ConfigError) throw new Rejected(error.message, { cause: error });
      throw deliveryError(error);
    });
    const { report, ...more } = done;
    tell(report, { path: at.text, ...more }, message, [message]);
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
