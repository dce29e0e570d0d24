import type { ForecastMetadata } from "./metadata";
import { samplesOf, type Part, type Parts } from "./parts";
import type { Series } from "./series";

/** Fewest windows of a part, with every truth known, on which anything can be said. */
export const LEAST = { training: 100, validation: 20, test: 20 } as const;

const TITLES = { training: "to train", validation: "to choose", test: "to test" } as const;

/**
 * That the readings suffice for the model.
 * @throws Error naming the feature or the part that lacks readings, and what to do
 */
export function checkWindows(series: readonly Series[], parts: Parts, template: ForecastMetadata): void {
  if (!series.length) throw new Error("no readings are collected: send some before training");
  const { features, outputs } = template;
  for (const [f, { name }] of features.entries()) {
    if (known(series, parts.training, template, f) === 0) {
      throw new Error(
        `feature "${name}" has no reading before ${day(parts.training.to)}, where training ends: check its property, or leave it out`,
      );
    }
  }
  for (const part of ["training", "validation", "test"] as const) {
    const { truth } = samplesOf(series, parts[part], template);
    let complete = 0;
    for (let at = 0; at < truth.length; at += outputs.length) {
      if (!truth.subarray(at, at + outputs.length).some(Number.isNaN)) complete++;
    }
    if (complete < LEAST[part]) throw new Error(tooFew(series, parts, part, complete, template));
  }
}

function tooFew(
  series: readonly Series[],
  parts: Parts,
  part: keyof Parts,
  complete: number,
  template: ForecastMetadata,
): string {
  const { features, steps, fill } = template;
  const range = parts[part];
  const rows = rowCount(series, range, template);
  const shares = features.map(({ name }, f) => ({ name, missing: rows - known(series, range, template, f) }));
  const [most] = shares.sort((a, b) => b.missing - a.missing);
  const gaps =
    most && most.missing > rows / 10
      ? `; ${most.name} is missing in ${most.missing} of ${rows} steps: fill longer gaps than ${fill} steps, or leave it out`
      : "; collect more readings, or use shorter windows or horizons";
  return `too few complete windows ${TITLES[part]}: ${complete} of ${steps} steps from ${day(range.from)} to ${day(range.to)}, at least ${LEAST[part]} are needed${gaps}`;
}

/** That every target changes. @throws Error naming the one that does not */
export function checkTargets({ features, outputs }: ForecastMetadata): void {
  const flat = features.find(({ name, min, max }) => min === max && outputs.some(({ target }) => target === name));
  if (flat) {
    throw new Error(
      `target "${flat.name}" is always ${flat.min} in the training part: there is nothing to forecast; check its property, or collect more readings`,
    );
  }
}

const day = (time: number): string => new Date(time).toISOString().slice(0, 16).replace("T", " ");

/** A series' rows in a part, `[first, end)`. */
function rowsIn({ start, count }: Series, { from, to }: Part, stepLength: number): [first: number, end: number] {
  const first = Math.max(0, Math.ceil((from - start) / stepLength));
  return [first, Math.max(first, Math.min(count, Math.ceil((to - start) / stepLength)))];
}

const rowCount = (series: readonly Series[], part: Part, { stepLength }: ForecastMetadata): number =>
  series.reduce((sum, one) => {
    const [first, end] = rowsIn(one, part, stepLength);
    return sum + end - first;
  }, 0);

/** Rows of a part in which a feature has a reading. */
function known(series: readonly Series[], part: Part, template: ForecastMetadata, feature: number): number {
  const width = template.features.length;
  let count = 0;
  for (const one of series) {
    const [first, end] = rowsIn(one, part, template.stepLength);
    for (let r = first; r < end; r++) if (!Number.isNaN(one.truth[r * width + feature])) count++;
  }
  return count;
}
