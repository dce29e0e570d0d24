import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";
import { keptWindows } from "./kept";
import { shapeOf, windowerOptions } from "./options";
import { LATE } from "./ports";
import { replayedWindows } from "./replayed";

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const windows = windowerOptions(settings);
  const shape = shapeOf(settings, windows.size);
  const wires = (node.node as { wires?: readonly (readonly string[])[] } | undefined)?.wires ?? [];
  const lateIsWired = (wires[LATE]?.length ?? 0) > 0;
  const make = settings.kept === "disk" ? keptWindows : replayedWindows;
  return make(node, { windows, shape, lateIsWired });
});
