import path from "node:path";
import { deadLetterFile } from "../../lib/delivery/dead-letter-file";
import type { DeliverySource, Emission, Message } from "../../lib/delivery/contract";
import { DEFAULT_SPAN } from "../../lib/delivery/low-water-mark";
import { ConfigError, Rejected } from "../../lib/errors";
import { dues } from "../../lib/due";
import { deliverySettings } from "../../lib/field-groups";
import { timeReader, offsetMinutes } from "../../lib/files/columns";
import { Replay, type Delivery, type FileItem } from "../../lib/files/replay";
import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";

/** How long closing waits for what is in flight, in ms. */
const DRAIN = 5_000;
/** A row longer than this is not one, in bytes. */
const ROW_LIMIT = 32 * 1024 * 1024;
/** The same complaint, and a status, at most this often, in ms. */
const COMPLAINT = 10_000;
const STATUS = 500;

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const { timeColumns, utcOffset, numbers, topic } = settings;
  const separator = settings.separator === "\\t" ? "\t" : settings.separator;
  if (separator.length !== 1 || separator === '"')
    throw new ConfigError(`Separator: "${separator}" is not one character other than a quote; \\t stands for tab`);
  offsetMinutes(utcOffset);
  const hasTime = timeReader(timeColumns, utcOffset) !== undefined;
  if (!hasTime && (settings.pace === "time" || settings.order === "merged"))
    throw new ConfigError("Time columns: name them, since pace or order go by event time");
  const { userDir, fileWorkingDirectory } = node.RED.settings as { userDir?: string; fileWorkingDirectory?: string };
  const home = userDir ?? process.cwd();
  const { retry, timeout, breaker, deadLetterFolder, deadLetterBytes } = deliverySettings(node.RED, settings);
  const deadLetters = deadLetterFile({
    directory: deadLetterFolder,
    limit: deadLetterBytes,
    prefix: `file-in-${node.id}`,
  });

  const recordOf = (item: FileItem, again: boolean): Message => {
    const { row, time, progress, reader } = item;
    return {
      payload: again ? reader.read(row)?.payload : item.payload,
      source: { kind: "file", path: progress.file, line: row.line, offset: row.offset },
      ...(topic !== "" && { topic }),
      ...(item.hasTime && { timestamp: time }),
    };
  };
  const isDue = dues();

  const deliveries = new WeakMap<Emission, Delivery>();
  let records = 0;
  const deliver = (delivery: Delivery): void => {
    const { items } = delivery;
    let made = false;
    const emission: Emission = {
      records: items.length,
      bytes: delivery.bytes,
      message(elements) {
        const again = made;
        made = true;
        const [first] = items;
        if (!first) throw new RangeError("no records");
        // made again for its dead letter, an unreadable row carries its bytes
        if (first.error && !again) {
          const text = `${first.progress.file} line ${first.row.line}: ${first.error.message}`;
          if (isDue("unreadable", COMPLAINT)) node.warn(`a row goes to the dead letters: ${text}`);
          throw new Rejected(text, { cause: first.error });
        }
        if (first.error || settings.mode === "record") return recordOf(first, again);
        const chosen = elements ? elements.map((index) => items[index]).filter((item) => item !== undefined) : items;
        return { ...(topic === "" ? {} : { topic }), payload: chosen.map((item) => recordOf(item, again)) };
      },
    };
    deliveries.set(emission, delivery);
    records += items.length;
    if (isDue("status", STATUS)) node.status("reading", "green", records);
    source.deliver(emission, (verdict) => {
      if (verdict !== "abandoned") delivery.finished();
    });
  };

  let replay: Replay | undefined;
  const start = (): Replay =>
    new Replay(
      {
        paths: settings.paths.map((one) => path.resolve(fileWorkingDirectory ?? process.cwd(), one)),
        records: {
          format: settings.format,
          encoding: settings.encoding,
          separator,
          columns: settings.columns,
          numbers: numbers.length === 0 ? "automatic" : numbers,
          nullWords: settings.nullWords,
          timeColumns,
          utcOffset,
        },
        rowLimit: ROW_LIMIT,
        order: settings.order,
        end: settings.end,
        ...(settings.pace === "time"
          ? { pace: { speedUp: settings.speedUp, longestWait: settings.longestWait * 1_000 } }
          : {}),
        batch: settings.mode === "batch" ? settings.batch : 1,
        span: { records: settings.spanRecords, bytes: DEFAULT_SPAN.bytes },
        positionFile: path.resolve(home, settings.positionFile || `citystream/positions/${node.id}.json`),
      },
      {
        deliver,
        pressure() {
          if (isDue("status", STATUS)) node.status("busy", "yellow", source.unfinished);
          source.pressure();
        },
        ended: () => node.status("ended", "grey", records),
        trouble(error) {
          node.status("trouble", "red");
          if (isDue(error.message, COMPLAINT)) node.warn(`${error.message}; trying again until it works`);
        },
        warn(text) {
          if (isDue(text, COMPLAINT)) node.warn(text);
        },
      },
    );

  const source: DeliverySource = node.source({
    retry,
    timeout,
    breaker,
    deadLetters,
    onHeld: (emission, held) => deliveries.get(emission)?.held(held > 0),
    onFlows(running) {
      if (replay) replay.running(running);
      else if (running) {
        node.status("waiting", "yellow");
        replay = start();
      }
    },
  });

  return {
    async close() {
      await replay?.halt();
      await source.close(DRAIN);
      await replay?.close();
      await deadLetters.close();
    },
  };
});
