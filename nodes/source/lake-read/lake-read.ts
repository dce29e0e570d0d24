import path from "node:path";
import { deadLetterFile } from "../../lib/delivery/dead-letter-file";
import type { DeliverySource, Emission, Message } from "../../lib/delivery/contract";
import { DEFAULT_SPAN } from "../../lib/delivery/low-water-mark";
import { ConfigError, Rejected, messageOf } from "../../lib/errors";
import { dues } from "../../lib/due";
import { deliverySettings } from "../../lib/field-groups";
import { offsetMinutes, timeReader } from "../../lib/files/columns";
import { pathTemplate } from "../../lib/lake/find";
import { LakeReader } from "../../lib/lake/reader";
import type { LakeDelivery, Reading } from "../../lib/lake/reading";
import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";
import { recordOf } from "./records";
import { Rounds } from "./rounds";

/** How long closing waits for what is in flight, in ms. */
const DRAIN = 5_000;
/** A row longer than this is not one, in bytes. */
const ROW_LIMIT = 32 * 1024 * 1024;
/** The same complaint, and a status, at most this often, in ms. */
const COMPLAINT = 10_000;
const STATUS = 500;

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const { lake, timeColumns, utcOffset, numbers, topic, trigger, again } = settings;
  const separator = settings.separator === "\\t" ? "\t" : settings.separator;
  if (separator.length !== 1 || separator === '"')
    throw new ConfigError(`Separator: "${separator}" is not one character other than a quote; \\t stands for tab`);
  offsetMinutes(utcOffset);
  timeReader(timeColumns, utcOffset);
  const where = pathTemplate(settings.path, "Path");
  if (trigger === "start" && !where.constant)
    throw new ConfigError("Path: it takes parts from a message, so a message must start the reading");
  const home = node.RED.settings.userDir ?? process.cwd();
  const { retry, timeout, breaker, deadLetterFolder, deadLetterBytes } = deliverySettings(node.RED, settings);
  const deadLetters = deadLetterFile({
    directory: deadLetterFolder,
    limit: deadLetterBytes,
    prefix: `lake-read-${node.id}`,
  });

  const isDue = dues();

  const deliveries = new WeakMap<Emission, LakeDelivery>();
  let records = 0;
  const deliver = (delivery: LakeDelivery): void => {
    const { items } = delivery;
    let made = false;
    const emission: Emission = {
      records: items.length,
      bytes: delivery.bytes,
      message(elements) {
        const isAgain = made;
        made = true;
        const [first] = items;
        if (!first) throw new RangeError("no records");
        // made again for its dead letter, an unreadable row carries its bytes
        if (first.error && !isAgain) {
          const text = `${lake.address}/${first.path} line ${first.row.line}: ${first.error.message}`;
          if (isDue("unreadable", COMPLAINT)) node.warn(`a row goes to the dead letters: ${text}`);
          throw new Rejected(text, { cause: first.error });
        }
        if (first.error || settings.mode === "record") return recordOf(first, isAgain, topic);
        const chosen = elements ? elements.map((index) => items[index]).filter((item) => item !== undefined) : items;
        return {
          ...(topic === "" ? {} : { topic }),
          payload: chosen.map((item) => recordOf(item, isAgain, topic)),
        };
      },
    };
    deliveries.set(emission, delivery);
    records += items.length;
    if (isDue("status", STATUS)) node.status("reading", "green", records);
    source.deliver(emission, (verdict) => {
      if (verdict !== "abandoned") delivery.finished();
    });
  };

  const reader = new LakeReader(
    lake.store,
    {
      records: {
        encoding: settings.encoding,
        separator,
        columns: settings.columns,
        numbers: numbers.length === 0 ? "automatic" : numbers,
        nullWords: settings.nullWords,
        timeColumns,
        utcOffset,
      },
      ...(settings.format === "name" ? {} : { format: settings.format }),
      rowLimit: ROW_LIMIT,
      batch: settings.mode === "batch" ? settings.batch : 1,
      span: { records: settings.spanRecords, bytes: DEFAULT_SPAN.bytes },
      ...(again === "new"
        ? { positionFile: path.resolve(home, settings.positionFile || `citystream/positions/${node.id}.json`) }
        : {}),
    },
    {
      deliver,
      pressure() {
        if (isDue("status", STATUS)) node.status("busy", "yellow", source.unfinished);
        source.pressure();
      },
      trouble(error) {
        node.status("trouble", "red");
        if (isDue(error.message, COMPLAINT)) node.warn(`${error.message}; trying again until it works`);
      },
      warn(text) {
        if (isDue(text, COMPLAINT)) node.warn(text);
      },
    },
  );

  const told = ({ path: of, files, records: count, unreadable, leftOut }: Reading): Message["payload"] => {
    node.status("ended", "grey", records);
    if (leftOut > 0 && isDue(`left out ${leftOut}`, COMPLAINT))
      node.warn(
        `${leftOut} files below ${lake.address}/${of} are left out: their names tell no format that can be read`,
      );
    return { path: of, files, records: count, unreadable, leftOut };
  };

  const rounds =
    trigger === "start"
      ? new Rounds(settings.interval * 1_000, async (isFirst) => {
          const reading = await reader.read(where.render({}), true);
          const payload = told(reading);
          if (!isFirst && reading.files === 0) return;
          // flows may hold records for long; the next look does not wait for them
          void reading.finished().then(
            () => node.send({ ...(topic === "" ? {} : { topic }), payload }, { port: 1 }),
            () => undefined,
          );
        })
      : undefined;

  const source: DeliverySource = node.source({
    retry,
    timeout,
    breaker,
    deadLetters,
    onHeld: (emission, held) => deliveries.get(emission)?.held(held > 0),
    onFlows(running) {
      reader.running(running);
      if (!running) return;
      if (rounds?.isStarted !== true) node.status("waiting", "yellow");
      rounds?.start();
    },
  });

  return {
    async receive(message) {
      if (rounds) {
        rounds.now();
        return;
      }
      const at = where.render(message);
      const release = node.hold(message, { records: 1, bytes: 0 });
      try {
        const reading = await reader.read(at);
        const payload = told(reading);
        await reading.finished();
        node.send({ ...message, payload }, { port: 1, from: [message] });
      } catch (error) {
        throw node.closing ? new Error(`closed before ${at.text} was read: ${messageOf(error)}`) : error;
      } finally {
        release();
      }
    },
    async close() {
      const stopped = rounds?.stop();
      await reader.halt();
      await stopped;
      await source.close(DRAIN);
      await reader.close();
      await deadLetters.close();
    },
  };
});
