import { declareNode } from "../../lib/declare";
import { choice, configNode, number, rows, text } from "../../lib/fields";
import type { InfluxTarget } from "../../lib/influx/target";

export const declaration = declareNode({
  type: "citystream-influx-sink",
  group: "sink",
  label: "influx sink",
  icon: "influx.svg",
  inputs: 1,
  outputs: ["stored"],
  labelFrom: "measurement",
  fields: {
    server: configNode<InfluxTarget>("citystream-influx-server", { label: "Server" }),
    measurement: text({
      label: "Measurement",
      looksLike: "template",
      default: "readings",
      required: true,
      placeholder: "air or {{payload.type}}",
    }),
    tags: rows({
      label: "Tags",
      hint: "Text that points are searched by. Name empty: the property's own.",
      columns: {
        from: text({ label: "Property", required: true, placeholder: "payload.site" }),
        name: text({ label: "Name" }),
      },
      default: [],
    }),
    fields: rows({
      label: "Fields",
      hint: "Empty: every property of the payload that is no tag and not the time, as float, string or boolean.",
      columns: {
        from: text({ label: "Property", required: true, placeholder: "payload.pm25" }),
        name: text({ label: "Name" }),
        kind: choice({
          label: "Type",
          default: "auto",
          options: { auto: "auto", float: "float", integer: "integer", string: "string", boolean: "boolean" },
        }),
      },
      default: [],
    }),
    time: text({
      label: "Time",
      placeholder: "timestamp",
      hint: "Property that holds the time. Empty: msg.timestamp in ms, or the time of arrival when there is none.",
    }),
    precision: choice({
      label: "Precision",
      default: "ms",
      options: { s: "seconds", ms: "milliseconds", us: "microseconds", ns: "nanoseconds" },
      hint: "Unit of numeric times, and what is stored. ISO 8601 text is converted.",
    }),
    batch: number({
      label: "Points a request",
      default: 5000,
      min: 1,
      max: 100_000,
      integer: true,
      section: "batching",
    }),
    linger: number({
      label: "Linger (ms)",
      default: 100,
      min: 0,
      max: 60_000,
      integer: true,
      section: "batching",
      hint: "How long a point may wait for others.",
    }),
    memory: number({
      label: "Memory (MB)",
      default: 32,
      min: 1,
      section: "batching",
      hint: "Points that wait while the server is away. Beyond it sources pause.",
    }),
  },
  sections: { batching: "Batching" },
  statuses: { ready: "ready", stored: "records stored", away: "server away", refused: "records refused" },
});
