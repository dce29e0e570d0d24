import { declareNode } from "../../lib/declare";
import { deliveryFields, deliverySection } from "../../lib/field-groups";
import { choice, configNode, names, number, text } from "../../lib/fields";
import type { Lake } from "../../lib/lake/lake";

export const declaration = declareNode({
  type: "citystream-lake-read",
  group: "source",
  label: "lake read",
  icon: "lake.svg",
  inputs: 1,
  outputs: ["records", "all read"],
  labelFrom: "path",
  fields: {
    lake: configNode<Lake>("citystream-lake", { label: "Lake" }),
    path: text({
      label: "Path",
      looksLike: "template",
      placeholder: "{{payload.site}}/dt=2026-*",
      hint: "A file, or a directory with all files below it; * and ? stand for characters, ** for directories. Empty: the whole lake. Parts in braces come from the message that starts the reading.",
    }),
    trigger: choice({
      label: "Read",
      default: "start",
      options: { start: "when the flow starts", message: "when a message comes" },
    }),
    interval: number({
      label: "Look again (s)",
      default: 0,
      min: 0,
      hint: "For new files. 0: read once; a message looks again too.",
      showIf: { field: "trigger", is: ["start"] },
    }),
    again: choice({
      label: "Files read before",
      default: "new",
      options: { new: "leave them out", all: "read everything again" },
    }),
    format: choice({
      label: "Format",
      default: "name",
      options: {
        name: "as the file's name says",
        csv: "CSV",
        ndjson: "NDJSON, one JSON a line",
        avro: "Avro",
        parquet: "Parquet",
      },
    }),
    mode: choice({
      label: "Messages",
      default: "record",
      options: { record: "one record each", batch: "batches of records" },
    }),
    batch: number({
      label: "Batch size",
      default: 500,
      min: 1,
      max: 10_000,
      integer: true,
      showIf: { field: "mode", is: ["batch"] },
    }),
    topic: text({ label: "Topic", hint: "Becomes msg.topic if set." }),
    timeColumns: names({
      label: "Time columns",
      section: "columns",
      placeholder: "year, month, day, hour",
      hint: "Event time: one column (ISO, or seconds or milliseconds since 1970), or year, month, day and perhaps hour, minute, second.",
    }),
    utcOffset: text({
      label: "UTC offset",
      section: "columns",
      default: "+00:00",
      hint: "Of times that do not say it themselves: +09:00 for Korea.",
    }),
    columns: names({ label: "Column names", section: "columns", hint: "Of CSV. Empty: the first row has them." }),
    separator: text({ label: "Separator", section: "columns", default: ",", hint: "One character; \\t for tab." }),
    numbers: names({
      label: "Number columns",
      section: "columns",
      hint: "Empty: what looks like a number is one. Otherwise exactly these.",
    }),
    nullWords: names({
      label: "Words for null",
      section: "columns",
      default: "NA",
      hint: "Beside empty cells.",
    }),
    encoding: choice({
      label: "Encoding",
      section: "columns",
      default: "utf-8",
      options: { "utf-8": "UTF-8", "euc-kr": "EUC-KR (CP949)" },
    }),
    spanRecords: number({
      label: "Most unfinished",
      default: 5_000,
      min: 1,
      integer: true,
      section: "position",
      hint: "Records between the stored position and the newest one sent; reading waits at this limit.",
    }),
    positionFile: text({
      label: "Position file",
      section: "position",
      hint: "Where this node keeps how far it has read. Empty: a file of its own below citystream/positions in the user directory.",
      showIf: { field: "again", is: ["new"] },
    }),
    ...deliveryFields(),
  },
  sections: { columns: "Columns", position: "Position", ...deliverySection },
  statuses: {
    waiting: "waiting",
    reading: "reading, records",
    busy: "flow busy, records",
    ended: "all read, records",
    trouble: "cannot read",
  },
});
