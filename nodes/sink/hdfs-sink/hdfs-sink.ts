import { directoryTemplate } from "../../lib/lake/directory";
import { LakeWriter } from "../../lib/lake/writer";
import { defineNode } from "../../lib/node";
import { gatheringSink } from "../../lib/node-sink";
import { declaration } from "./declaration";
import { formatsOf } from "./formats";
import { located, originOf, partOf, wholeRecord } from "./records";

const MEGABYTE = 1024 * 1024;

export = defineNode(declaration, (node) => {
  const { lake, content, coordinates, ...settings } = node.settings;
  const directory = directoryTemplate(settings.directory, "Directory");
  const formats = formatsOf(node.settings);
  return gatheringSink(node, {
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
      return {
        value: coordinates ? located(value, origin) : value,
        directory: directory.render(record === carrier ? record : { ...carrier, ...record }),
        index,
        origin,
        part: partOf(carrier),
      };
    },
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
});
