import { declareNode } from "../../lib/declare";
import { choice, flag, json, optionalNumber, rows, text } from "../../lib/fields";

const TYPES = { int: "int", float: "float", string: "string", boolean: "boolean", time: "time" };

export const declaration = declareNode({
  type: "citystream-sensor-check",
  group: "transform",
  label: "sensor check",
  icon: "sensor-check.svg",
  inputs: 1,
  outputs: ["good", "refused"],
  fields: {
    metric: choice({
      label: "Metric",
      default: "iot",
      options: { iot: "published IoT metric", fields: "fields below", schema: "JSON Schema" },
      hint: "What a record must look like: its fields with type, range and error value.",
    }),
    metricFields: rows({
      label: "Fields",
      showIf: { field: "metric", is: ["fields"] },
      min: 1,
      columns: {
        field: text({ label: "Field", required: true }),
        type: choice({ label: "Type", default: "float", options: TYPES }),
        min: optionalNumber({ label: "Lowest" }),
        max: optionalNumber({ label: "Highest" }),
        error: text({ label: "Error value" }),
        mandatory: flag({ label: "Mandatory", default: false }),
      },
      default: [
        { field: "device_id", type: "string", min: 1, max: "", error: "", mandatory: true },
        { field: "time", type: "time", min: "", max: "", error: "", mandatory: true },
        { field: "temp", type: "float", min: -40, max: 125, error: "-999", mandatory: false },
      ],
      hint: "Paths in the payload, such as temp or position.lat.",
    }),
    statusField: text({
      label: "Status field",
      showIf: { field: "metric", is: ["fields"] },
      hint: "Set to 1 when a reading is missing or bad. Empty: no status is set.",
    }),
    timeField: text({
      label: "Time field",
      default: "time",
      showIf: { field: "metric", is: ["fields"] },
      hint: "Becomes msg.timestamp where a message has none. Empty: msg.timestamp is left alone.",
    }),
    schema: json({
      label: "JSON Schema",
      required: true,
      showIf: { field: "metric", is: ["schema"] },
      default:
        '{\n  "type": "object",\n  "required": ["id"],\n  "properties": {\n    "id": { "type": "string" }\n  }\n}',
      hint: "Required properties are mandatory; x-error-value is the sensor's error value.",
    }),
    numbersInText: flag({
      label: "Numbers in text",
      default: false,
      hint: 'Reads "21.5" as 21.5, for records that come from CSV.',
    }),
  },
  statuses: { checking: "good records", refusing: "records refused" },
});
