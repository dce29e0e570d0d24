import { declareNode } from "../../lib/declare";
import { number } from "../../lib/fields";

export const declaration = declareNode({
  type: "citystream-counters",
  group: "control",
  label: "counters",
  icon: "font-awesome/fa-tachometer",
  inputs: 1,
  outputs: ["counts"],
  fields: {
    interval: number({
      label: "Every (s)",
      default: 2,
      min: 0,
      hint: "Seconds between two messages. 0: only when a message comes in.",
    }),
  },
  statuses: { unfinished: "unfinished records" },
});
