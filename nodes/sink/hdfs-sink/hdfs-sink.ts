import { csv } from "../../lib/formats/csv";
import { ndjson } from "../../lib/formats/ndjson";
import { packings } from "../../lib/formats/packing";
import { textFile } from "../../lib/formats/text-file";
import { directoryTemplate } from "../../lib/lake/directory";
import { LakeWriter } from "../../lib/lake/writer";
import { defineNode } from "../../lib/node";
import { gatheringSink } from "../../lib/node-sink";
import { declaration } from "./declaration";
import { originOf, partOf, wholeRecord } from "./records";

const MEGABYTE = 1024 * 1024;

export = defineNode(declaration, (node) => {
  const { lake, format, columns, content, compression, ...settings } = node.settings;
  const directory = directoryTemplate(settings.directory, "Directory");
  return gatheringSink(node, {
    open: ({ stored, away }) =>
      new LakeWriter(lake.store, {
        node: node.id,
        format: () => textFile(format === "csv" ? csv(columns) : ndjson, packings[compression]),
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
    take: (record, carrier, index) => ({
      value: content === "record" ? wholeRecord(record) : record.payload,
      directory: directory.render(record === carrier ? record : { ...carrier, ...record }),
      index,
      origin: originOf(record["source"]),
      part: partOf(carrier),
    }),
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
