import type { ForecastMetadata, Score } from "./metadata";
import { horizonName } from "./forecast";

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;

/** A cell may hold a bar, or a line break, in a feature's name. */
const cell = (text: string): string => text.replace(/[\r\n]+/gu, " ").replaceAll("|", "\\|");

/** A model's card in Markdown: what it reads and says, from which readings it was trained, and its scores on others. */
export function modelCard(metadata: ForecastMetadata): string {
  const { name, version, description, features, steps, stepLength, fill, training = {}, scores = [] } = metadata;
  const { quantileScores = [] } = metadata;
  const unit = (target: string): string => features.find((feature) => feature.name === target)?.unit ?? "";
  const score = (one: Score): string =>
    row([
      cell(one.target),
      horizonName(one.horizon * stepLength),
      cell(unit(one.target)),
      ...[one, one.persistence, one.ridge].flatMap(({ rmse, mae }) => [rmse, mae]),
    ]);
  const lines = [
    `# ${cell(name)} ${version}`,
    "",
    ...(description ? [description, ""] : []),
    `Reads ${steps} steps of ${horizonName(stepLength)}; gaps of at most ${fill} steps are filled with the last reading.`,
    "",
    "## Features",
    "",
    row(["feature", "unit", "smallest", "largest in training"]),
    row(["---", "---", "---:", "---:"]),
    ...features.map((one) => row([cell(one.name), cell(one.unit), one.min, one.max])),
    "",
    "## Training",
    "",
    ...Object.entries(training).map(([key, value]) => `- ${key}: ${cell(listed(value))}`),
    "",
    "## Scores on the test part",
    "",
    "Persistence says that nothing changes; ridge is linear regression on the same window. Smaller is better.",
    "",
    row(["target", "in", "unit", "RMSE", "MAE", "persistence RMSE", "MAE", "ridge RMSE", "MAE"]),
    row(["---", "---", "---", ...Array<string>(6).fill("---:")]),
    ...scores.map(score),
    "",
  ];
  if (!quantileScores.length) return lines.join("\n");
  return [
    ...lines,
    "## Quantiles on the test part",
    "",
    "Below: share of truths below the quantile, which should be the quantile. Loss: quantile loss, smaller is better.",
    "",
    row(["target", "in", "quantile", "below", "loss", "ridge's loss"]),
    row(["---", "---", ...Array<string>(4).fill("---:")]),
    ...quantileScores.map((one) =>
      row([cell(one.target), horizonName(one.horizon * stepLength), one.quantile, one.below, one.loss, one.ridge]),
    ),
    "",
  ].join("\n");
}

function listed(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([key, one]) => `${key} ${String(one)}`)
      .join(", ");
  }
  return String(value);
}
