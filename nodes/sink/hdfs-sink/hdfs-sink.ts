import { batchOf, recordAt } from "../../lib/batch";
import { TOKEN, type Message } from "../../lib/delivery/contract";
import { type FailedElement } from "../../lib/delivery/contract";
import { BatchFailure, Retriable, asError, notStored } from "../../lib/errors";
import { csv } from "../../lib/formats/csv";
import { ndjson } from "../../lib/formats/ndjson";
import { directoryTemplate } from "../../lib/lake/directory";
import type { LakeRecord } from "../../lib/lake/place";
import { LakeWriter } from "../../lib/lake/writer";
import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";
import { originOf, partOf, wholeRecord } from "./records";

/** Time for what is open when the node closes, in ms. */
const DRAIN = 10_000;

/** How long a message waits for room before its source keeps it instead, in ms. */
const PATIENCE = 10_000;

const MEGABYTE = 1024 * 1024;

export = defineNode(declaration, (node) => {
  const { lake, format, columns, content, compression, ...settings } = node.settings;
  const directory = directoryTemplate(settings.directory, "Directory");
  let trouble: string | undefined;
  let stored = 0;
  const show = (): void => {
    if (trouble !== undefined) node.status("away", "red");
    else if (stored > 0) node.status("stored", "green", stored);
    else node.status("ready", "grey");
  };
  const writer = new LakeWriter(lake.store, {
    node: node.id,
    format: () => (format === "csv" ? csv(columns) : ndjson),
    gzip: compression === "gzip",
    limits: {
      records: settings.rotateRecords,
      bytes: settings.rotateSize * MEGABYTE,
      age: settings.rotateAge * 1000,
      idle: settings.rotateIdle * 1000,
    },
    create: {
      replication: settings.replication,
      blockSize: settings.blockSize === undefined ? undefined : Math.round(settings.blockSize * MEGABYTE),
      permission: settings.permission || undefined,
    },
    once: settings.once,
    memory: settings.memory * MEGABYTE,
    files: settings.openFiles,
    stored(file) {
      stored += file.records;
      show();
    },
    away(error) {
      if (error?.message === trouble) return;
      trouble = error?.message;
      if (error) node.warn(`${error.message}. Records wait, none is lost.`);
      else node.log("the lake can be written again");
      show();
    },
  });
  show();

  const recordOf = (record: Message, carrier: Message, index: number): LakeRecord => ({
    value: content === "record" ? wholeRecord(record) : record.payload,
    directory: directory.render(record === carrier ? record : { ...carrier, ...record }),
    index,
    origin: originOf(record["source"]),
    part: partOf(carrier),
  });

  /** Everything that can be stored; what can't fails alone. */
  const recordsOf = (message: Message, elements: readonly Message[], failed: FailedElement[]): LakeRecord[] => {
    const records: LakeRecord[] = [];
    for (const [index, element] of elements.entries()) {
      try {
        records.push(recordOf(element === message ? message : recordAt(index, element), message, index));
      } catch (error) {
        failed.push({ index, error: asError(error) });
      }
    }
    return records;
  };

  return {
    async receive(message) {
      const batch = batchOf(message);
      const elements = batch ?? [message];
      const failed: FailedElement[] = [];
      const records = recordsOf(message, elements, failed);
      if (!batch && failed[0]) throw failed[0].error;
      if (!(await writer.room(PATIENCE)))
        throw new Retriable(`Memory is full: ${trouble ?? "the lake takes longer than records come"}`, {
          unreachable: true,
        });
      const token = message[TOKEN];
      const before = writer.held;
      const storing = writer.write(records, batch !== undefined, typeof token === "string" ? token : undefined);
      if (stored === 0 && trouble === undefined) node.status("writing", "blue");
      const end = node.hold(message, {
        records: records.length,
        bytes: Math.max(0, writer.held - before),
        relieve: () => writer.relieve(),
      });
      let files: readonly string[] = [];
      try {
        files = await storing;
      } catch (error) {
        if (!(error instanceof BatchFailure)) throw error;
        failed.push(...error.elements);
      } finally {
        end();
      }
      const bad = new Set(failed.map(({ index }) => index));
      if (bad.size < elements.length) {
        const done = bad.size === 0 ? message : { ...message, payload: elements.filter((_, index) => !bad.has(index)) };
        done["stored"] = { lake: lake.address, files };
        node.send(done, bad.size === 0 ? {} : { from: [message] });
      }
      if (bad.size > 0) throw notStored(failed, elements.length);
    },
    close: () => writer.close(DRAIN),
  };
});
