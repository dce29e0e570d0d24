import { declareNode } from "../../lib/declare";
import { choice, number, optionalNumber, rows, text } from "../../lib/fields";
import { stateFields, stateSection, stateStatuses } from "../../lib/state/fields";

export const declaration = declareNode({
  type: "citystream-priority-weigher",
  group: "transform",
  label: "priority weigher",
  icon: "priority-weigher.svg",
  inputs: 1,
  outputsFrom: "lanes",
  fields: {
    key: text({
      label: "Key",
      looksLike: "template",
      default: "payload.device_id",
      required: true,
      hint: "Each sensor is compared with its own previous record: a path, or a template such as {{payload.site}}/{{payload.id}}.",
    }),
    weighed: rows({
      label: "Fields",
      min: 1,
      columns: {
        field: text({ label: "Field", required: true }),
        error: optionalNumber({ label: "Error value" }),
      },
      default: [
        { field: "temp", error: -999 },
        { field: "light", error: -1 },
        { field: "alcohol_gas", error: -1 },
        { field: "co_gas", error: -1 },
        { field: "dust", error: "" },
      ],
      hint: "Paths in the payload, such as PM2.5 or air.no2, whose change counts. null and the error value are no readings.",
    }),
    combine: choice({
      label: "Several fields",
      default: "max",
      options: { max: "highest weight counts", sum: "weights add up" },
    }),
    lanes: rows({
      label: "Lanes",
      min: 1,
      columns: {
        lane: text({ label: "Lane", required: true }),
        from: number({ label: "From priority", default: 0 }),
      },
      default: [
        { lane: "real time", from: 1 },
        { lane: "batch", from: 0 },
      ],
      hint: "One output a row. A record takes the highest lane that its priority reaches.",
    }),
    threshold: number({
      label: "Threshold",
      default: 0.1,
      min: 1e-9,
      section: "weight",
      hint: "Relative change from which the weight is 1: 0.1 is 10 %.",
    }),
    step: number({
      label: "Step",
      default: 0.1,
      min: 1e-9,
      section: "weight",
      hint: "Each further change of this size adds 1.",
    }),
    zeroWeight: number({
      label: "Change from 0",
      default: 1,
      min: 0,
      section: "weight",
      hint: "Weight of a change from 0 to anything else, which has no ratio.",
    }),
    // A weight costs a microsecond, a place in a checkpoint several.
    ...stateFields({ keys: 1_000_000, inMemory: 100_000, kept: "memory" }),
  },
  sections: { weight: "Weight", ...stateSection },
  statuses: { weighing: "weighing, keys", full: "oldest keys leave", ...stateStatuses },
});
