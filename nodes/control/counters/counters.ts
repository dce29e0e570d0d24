import { allCounts } from "../../lib/counters";
import { defineNode } from "../../lib/node";
import { countsMessage, type Sample } from "../../lib/stream/rates";
import { declaration } from "./declaration";

export = defineNode(declaration, (node) => {
  let before: Sample | undefined;
  const emit = (into: Record<string, unknown>): void => {
    const now: Sample = { time: Date.now(), nodes: allCounts() };
    const payload = countsMessage(now, before);
    before = now;
    node.status("unfinished", "grey", payload.totals.unfinished);
    node.send({ ...into, payload });
  };
  const { interval } = node.settings;
  const timer = interval > 0 ? setInterval(() => emit({ topic: "counters" }), interval * 1000) : undefined;
  return {
    receive: (message) => emit(message),
    close: () => clearInterval(timer),
  };
});
