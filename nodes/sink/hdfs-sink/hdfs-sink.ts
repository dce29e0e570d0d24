import type { Message } from "../../lib/delivery/contract";
import { directoryTemplate } from "../../lib/lake/directory";
import { schedule } from "../../lib/schedule";
import { LakeWriter } from "../../lib/lake/writer";
import { defineNode, type Behaviour } from "../../lib/node";
import { gatheringSink } from "../../lib/node-sink";
import { latestSchema, type LatestSchema } from "../../lib/registry/latest";
import { timeZone } from "../../lib/time-zone";
import { declaration } from "./declaration";
import { formatsOf } from "./formats";
import { located, originOf, partOf, readsRecord, recordTime, runsOf, unreadRecord, wholeRecord } from "./records";

const MEGABYTE = 1024 * 1024;

export = defineNode(declaration, (node) => {
  const { lake, content, coordinates, ...settings } = node.settings;
  const zone = timeZone(settings.zone, "Time zone");
  const timeOf = recordTime(settings.time);
  const directory = directoryTemplate(settings.directory, "Directory", { timeOf, zone });
  const cut = settings.rotateSchedule.trim() ? schedule(settings.rotateSchedule, zone, "Schedule") : undefined;
  const span = settings.rotateTime === undefined ? undefined : settings.rotateTime * 1000;
  const isRegistered =
    settings.schemaFrom === "registry" && (settings.format === "avro" || settings.format === "parquet");
  const latest = isRegistered
    ? latestSchema(settings.registry, settings.subject, (trouble) => {
        if (trouble) node.status("away", "red", trouble.message);
        else node.status("ready", "grey");
      })
    : undefined;
  const formats = formatsOf(node.settings, latest?.current);
  // What is written is then the payload's bytes, and where it goes does not depend on them.
  const canStayUnread =
    content === "payload" && !coordinates && ![settings.directory, settings.time].some((paths) => readsRecord(paths));
  const sink = gatheringSink(node, {
    gathers: true,
    open: ({ stored, away }) =>
      new LakeWriter(lake.store, {
        node: node.id,
        ...formats,
        limits: {
          records: settings.rotateRecords,
          bytes: settings.rotateSize * MEGABYTE,
          age: settings.rotateAge * 1000,
          idle: settings.rotateIdle * 1000,
          span,
          schedule: cut,
        },
        create: {
          replication: settings.replication,
          blockSize: settings.blockSize === undefined ? undefined : Math.round(settings.blockSize * MEGABYTE),
          permission: settings.permission || undefined,
        },
        once: settings.once,
        memory: settings.memory * MEGABYTE,
        files: settings.openFiles,
        stored: (file) => stored(file.records),
        away,
      }),
    take(record, carrier, index) {
      const value = content === "record" ? wholeRecord(record) : record.payload;
      const origin = originOf(record["source"]);
      // Two spreads in one literal take V8 thirty times as long: more than all else that a record costs here.
      const whole: Message = record === carrier ? record : Object.assign({}, carrier, record);
      return {
        value: coordinates ? located(value, origin) : value,
        directory: directory.render(whole),
        time: span === undefined ? undefined : timeOf(whole),
        index,
        origin,
        part: partOf(carrier),
      };
    },
    takeUnread: canStayUnread
      ? (batch, carrier) => {
          const wholeOf = unreadRecord(batch, carrier);
          const origin = originOf({ ...batch.source, offset: 0 });
          return (
            origin &&
            runsOf(batch.records, (at) => directory.render(wholeOf(at)), {
              origin,
              part: partOf(carrier),
              timeOf: span === undefined ? undefined : (at) => timeOf(wholeOf(at)),
            })
          );
        }
      : undefined,
    begun(stored) {
      if (stored === 0) node.status("writing", "blue");
    },
    mark(done, files) {
      done["stored"] = { lake: lake.address, files: files ?? [] };
    },
    slow: "the lake takes longer than records come",
    patient: "Records wait, none is lost.",
    again: "the lake can be written again",
  });
  return latest ? afterSchema(sink, latest) : sink;
});

/** A sink whose messages wait for its schema. */
function afterSchema(sink: Behaviour, latest: LatestSchema): Behaviour {
  let isKnown = false;
  latest.ready.then(
    () => {
      isKnown = true;
    },
    () => undefined,
  );
  return {
    ...sink,
    receive: (message) => (isKnown ? sink.receive?.(message) : latest.ready.then(() => sink.receive?.(message))),
    close(removed) {
      latest.close();
      return sink.close?.(removed);
    },
  };
}
