import { declareNode } from "../../lib/declare";
import { deliveryFields, deliverySection, shownIf } from "../../lib/field-groups";
import { choice, number, optionalNumber, rows, text } from "../../lib/fields";
import { checkpointFields, stateSection, stateStatuses } from "../../lib/state/fields";
import { DURATION } from "../../lib/stream/duration";

const byTime = { field: "by", is: ["event", "processing"] };
const byEventTime = { field: "by", is: ["event", "session"] };
const bySession = { field: "by", is: ["session"] };
const byCount = { field: "by", is: ["count"] };
const ofFeatures = { field: "emit", is: ["columns", "matrix", "aggregates"] };
const ofAggregates = { field: "emit", is: ["aggregates"] };
const onDisk = { field: "kept", is: ["disk"] };
const bySource = { field: "kept", is: ["source"] };
const onGrid = { field: "emit", is: ["columns", "matrix"] };

export const declaration = declareNode({
  type: "citystream-window-batcher",
  group: "transform",
  label: "window batcher",
  icon: "window-batcher.svg",
  inputs: 1,
  outputs: ["windows", "late"],
  fields: {
    by: choice({
      label: "Windows by",
      default: "event",
      options: {
        event: "event time",
        session: "sessions (event time, until a gap)",
        processing: "processing time",
        count: "number of records",
      },
    }),
    gap: text({
      label: "Gap",
      default: "5 min",
      required: true,
      pattern: DURATION,
      showIf: bySession,
      hint: "A session goes on while the key's records come no further apart than this.",
    }),
    size: text({
      label: "Length",
      default: "60 s",
      required: true,
      pattern: DURATION,
      showIf: byTime,
      hint: "500 ms, 60 s, 5 min, 1 h, 1 d",
    }),
    hop: text({
      label: "Every",
      pattern: DURATION,
      showIf: byTime,
      placeholder: "tumbling: as long as the window",
      hint: "Shorter than the length: windows hop and overlap.",
    }),
    records: number({ label: "Records", default: 24, min: 1, max: 1_000_000, integer: true, showIf: byCount }),
    recordsHop: optionalNumber({
      label: "Every (records)",
      min: 1,
      integer: true,
      showIf: byCount,
      placeholder: "tumbling: as many as the window",
    }),
    key: text({
      label: "Key",
      looksLike: "template",
      default: "payload.device_id",
      hint: "Windows are per key: a path, or a template such as {{payload.site}}/{{payload.id}}. Empty: all records together.",
    }),
    time: text({
      label: "Event time",
      default: "timestamp",
      required: true,
      showIf: byEventTime,
      hint: "Path to the record's time: ms, ISO 8601 text, or (except in timestamp) seconds.",
    }),
    emit: choice({
      label: "Emits",
      default: "records",
      options: {
        records: "records (batch)",
        columns: "columns",
        matrix: "matrix (Float32Array)",
        aggregates: "aggregates",
      },
    }),
    features: rows({
      label: "Features",
      showIf: ofFeatures,
      columns: { field: text({ label: "Field", required: true }), as: text({ label: "Named" }) },
      default: [],
      hint: "Paths in the payload, such as PM2.5 or air.no2, in the matrix's order.",
    }),
    percentiles: text({
      label: "Percentiles",
      placeholder: "none",
      showIf: ofAggregates,
      hint: "Such as 50, 95, 99.9: exact, with p50, p95, p99.9 beside the other aggregates.",
    }),
    step: text({
      label: "Step",
      pattern: DURATION,
      showIf: onGrid,
      placeholder: "none: a row per record",
      hint: "Rows on a grid of this step; each holds the last reading within it.",
    }),
    fill: choice({
      label: "Gaps",
      default: "last",
      showIf: onGrid,
      options: { none: "stay empty", last: "last value goes on", linear: "straight line" },
    }),
    fillLimit: number({
      label: "Longest gap",
      default: 3,
      min: 1,
      integer: true,
      showIf: onGrid,
      hint: "Rows that are filled at most; what stays empty is NaN (null in columns).",
    }),
    disorder: text({
      label: "Disorder",
      default: "5 s",
      required: true,
      pattern: DURATION,
      showIf: byEventTime,
      section: "order",
      hint: "A record may be this much older than the newest of its partition; older ones are late.",
    }),
    idle: text({
      label: "Idle after",
      default: "5 min",
      required: true,
      pattern: DURATION,
      showIf: byEventTime,
      section: "order",
      hint: "A source partition without records for so long does not hold the others back. 0: it does.",
    }),
    partitions: number({
      label: "Partitions",
      default: 1,
      min: 1,
      integer: true,
      showIf: byEventTime,
      section: "order",
      hint: "No window is over before so many source partitions have come, or the idle time has passed.",
    }),
    ahead: text({
      label: "Clock ahead",
      default: "1 d",
      required: true,
      pattern: DURATION,
      showIf: byEventTime,
      section: "order",
      hint: "A record further in the future fails: it would make all others late. 0: any time is believed.",
    }),
    offset: text({
      label: "Shift",
      default: "0",
      required: true,
      pattern: DURATION,
      showIf: byTime,
      section: "order",
      hint: "Windows begin so much after UTC's grid: -9 h for days of Korea.",
    }),
    silence: text({
      label: "Close when silent",
      default: "0",
      required: true,
      pattern: DURATION,
      section: "bounds",
      hint: "Windows leave when no record has come for so long. 0: they wait for later records.",
    }),
    maxRecords: number({
      label: "Most records",
      default: 100_000,
      min: 1,
      integer: true,
      section: "bounds",
      hint: "Held at most; beyond, the oldest windows leave early, marked bound.",
    }),
    maxMegabytes: number({ label: "Most MB", default: 64, min: 0.001, section: "bounds" }),
    pressure: choice({
      label: "Source waits",
      default: "wait",
      section: "bounds",
      options: { wait: "windows wait for their end", fire: "oldest windows leave early" },
      showIf: bySource,
      hint: "When the source has as much under way as it may. MQTT counts held records: leave early there.",
    }),
    kept: choice({
      label: "Records are kept",
      default: "source",
      options: { source: "by their source, unfinished", disk: "on disk, in checkpoints" },
      section: "state",
      hint: "Until their windows have finished. By their source: what a crash cuts off, it sends again; for windows of seconds to minutes. On disk: for hours and days.",
    }),
    ...shownIf(onDisk, checkpointFields()),
    ...shownIf(onDisk, deliveryFields()),
  },
  sections: { order: "Order and lateness", bounds: "Bounds", ...stateSection, ...deliverySection },
  statuses: {
    collecting: "collecting, records",
    late: "late records",
    early: "windows left early",
    waiting: "source held, records",
    ...stateStatuses,
  },
});
