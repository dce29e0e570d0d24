import { declareNode } from "../../lib/declare";
import { choice, names, number, optionalConfigNode, optionalNumber, text } from "../../lib/fields";
import type { InfluxTarget } from "../../lib/influx/target";
import type { Lake } from "../../lib/lake/lake";
import { completenessWords } from "../../lib/stream/completeness/words";

export const declaration = declareNode({
  type: "citystream-completeness-check",
  group: "control",
  label: "completeness check",
  icon: "font-awesome/fa-check-square-o",
  inputs: 1,
  outputs: ["result", "table", "picture", "progress"],
  labelFrom: "path",
  fields: {
    over: choice({
      label: "Check",
      default: "flow",
      options: {
        flow: "the records that come in",
        lake: "files of a lake, when a message comes",
        influx: "a measurement of InfluxDB, when a message comes",
      },
    }),
    lake: optionalConfigNode<Lake>("citystream-lake", { label: "Lake", showIf: { field: "over", is: ["lake"] } }),
    path: text({
      label: "Path",
      looksLike: "template",
      placeholder: "{{payload.site}}/dt=2026-*",
      hint: "A file, or a directory with all files below it; * and ? stand for characters, ** for directories. Empty: the whole lake.",
      showIf: { field: "over", is: ["lake"] },
    }),
    server: optionalConfigNode<InfluxTarget>("citystream-influx-server", {
      label: "Server",
      showIf: { field: "over", is: ["influx"] },
    }),
    measurement: text({
      label: "Measurement",
      looksLike: "template",
      placeholder: "air or {{payload.type}}",
      showIf: { field: "over", is: ["influx"] },
    }),
    from: text({
      label: "From",
      looksLike: "template",
      placeholder: "2026-05-01T00:00:00+09:00",
      hint: "The first time that belongs to it. Parts in braces come from the message. Empty: since ever.",
      showIf: { field: "over", is: ["influx"] },
    }),
    to: text({
      label: "To",
      looksLike: "template",
      placeholder: "{{payload.to}}",
      hint: "The first time that does not any more. Empty: to the end.",
      showIf: { field: "over", is: ["influx"] },
    }),
    every: number({
      label: "Result every (s)",
      default: 0,
      min: 0,
      hint: "0: when a message with msg.report comes.",
      showIf: { field: "over", is: ["flow"] },
    }),
    interval: number({
      label: "Interval (s)",
      default: 3,
      min: 0,
      hint: "Expected distance of two records. 0: any; then only duplicates and order are checked.",
    }),
    tolerance: optionalNumber({
      label: "Tolerance (s)",
      min: 0,
      hint: "A gap begins above interval + tolerance. Empty: half of the interval.",
    }),
    time: text({
      label: "Time",
      placeholder: "date",
      hint: "Column, or path in the payload. Empty: the record's timestamp, or the first of date, time, timestamp, datetime, ts.",
    }),
    key: text({
      label: "Key",
      placeholder: "sensor",
      hint: "Column, or path in the payload: each key keeps an interval of its own. Empty: all records are one sequence.",
    }),
    utcOffset: text({
      label: "UTC offset",
      default: "+00:00",
      hint: "Of times that do not say it themselves: +09:00 for Korea.",
    }),
    columns: names({
      label: "Column names",
      section: "csv",
      hint: "Of CSV. Empty: the first row has them.",
      showIf: { field: "over", is: ["lake"] },
    }),
    separator: text({
      label: "Separator",
      section: "csv",
      default: ",",
      hint: "One character; \\t for tab.",
      showIf: { field: "over", is: ["lake"] },
    }),
    nullWords: names({
      label: "Words for null",
      section: "csv",
      default: "NA, NaN, null, NULL",
      hint: "Beside empty cells.",
      showIf: { field: "over", is: ["lake"] },
    }),
    listed: number({
      label: "Most listed",
      default: 1_000,
      min: 0,
      max: 1_000_000,
      integer: true,
      section: "limits",
      hint: "Gaps, duplicates and others that are listed one by one; all are counted.",
    }),
    remembered: optionalNumber({
      label: "Remembered",
      min: 4,
      integer: true,
      section: "limits",
      hint: "Irregularities that are remembered to decide about late records. Empty: 100,000; with a key 1,000 each.",
    }),
  },
  sections: { csv: "CSV", limits: "Limits" },
  statuses: {
    counting: "records",
    checking: "checking",
    querying: "checking, records",
    complete: "complete, records",
    incomplete: "incomplete, records",
  },
  words: completenessWords,
});
