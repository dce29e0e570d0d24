import { judgedSteps, type Rules, type ScoreSeries } from "../../lib/forecast/monitor/rules";
import type { ModelScores } from "../../lib/forecast/monitor/scores";
import { figuresOf } from "../../lib/forecast/monitor/window";
import type { Shown } from "../../lib/status";

type Word = "waiting" | "collecting" | "holds" | "drift";

/** What is shown of the model that forecast last: the target and horizon that fails, or does worst beside persistence. */
export function statusOf(models: readonly ModelScores[], rules: Rules): Shown & { readonly word: Word } {
  const present = models.at(-1);
  if (!present?.series.length) return { word: "waiting", colour: "grey" };
  const failing = present.series.find((one) => one.failing !== null);
  if (failing) return { word: "drift", colour: "yellow", detail: nameOf(failing) };
  const steps = present.series.map((one) => judgedSteps(one, rules));
  if (steps.every((count) => count < rules.least)) {
    return { word: "collecting", colour: "blue", detail: `${Math.max(...steps)}/${rules.least}` };
  }
  const rows = present.series.map((one) => ({ one, figures: figuresOf(one.blocks, one.nominal) }));
  const [worst] = rows.sort((a, b) => (a.figures?.skill ?? Infinity) - (b.figures?.skill ?? Infinity));
  if (!worst?.figures) return { word: "waiting", colour: "grey" };
  const { rmse, skill } = worst.figures;
  const more = skill === null ? "" : ` (skill ${skill.toFixed(2)})`;
  return { word: "holds", colour: "green", detail: `${nameOf(worst.one)} RMSE ${Number(rmse.toPrecision(3))}${more}` };
}

const nameOf = ({ target, horizon }: ScoreSeries): string => `${target} ${horizon}`;
