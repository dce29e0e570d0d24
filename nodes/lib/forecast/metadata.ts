import { ConfigError } from "../errors";

/** A quantity that the model needs from every record, in this unit and order. */
export interface Feature {
  readonly name: string;
  readonly unit: string;
  /** Range seen in the training part; readings outside are flagged, not refused. */
  readonly min: number;
  readonly max: number;
  /** `compass`: text such as NNW is understood as well as degrees. */
  readonly type?: "compass";
}

/**
 * A number that the network sees at each step, made from features or from the time of the step, then
 * `(value − offset) / scale`.
 * - `value`, `log` (log(1 + max(0, v))): of one feature
 * - `east`, `north`: of a speed and the direction (degrees) it comes from
 * - `humidity`: relative humidity in % of temperature and dew point (°C; Magnus, constants of Alduchov and Eskridge 1996)
 * - `sine`, `cosine`: of the local time within a `period`
 */
export interface InputRule {
  readonly as: "value" | "log" | "east" | "north" | "humidity" | "sine" | "cosine";
  readonly of?: readonly string[];
  readonly period?: "day" | "week" | "year";
  readonly offset: number;
  readonly scale: number;
}

/** One number of the network's answer: `offset + scale · y`, added to the target's last value when `change`. */
export interface OutputRule {
  readonly target: string;
  /** In steps. */
  readonly horizon: number;
  readonly change: boolean;
  readonly offset: number;
  readonly scale: number;
  /** The forecast is never below this. */
  readonly min?: number;
  /** The value that the truth stays below in this share of cases; absent: the forecast itself. */
  readonly quantile?: number;
}

export interface Score {
  readonly target: string;
  readonly horizon: number;
  readonly rmse: number;
  readonly mae: number;
  /** The same test windows, by the last value and by ridge regression on the window. */
  readonly persistence: { readonly rmse: number; readonly mae: number };
  readonly ridge: { readonly rmse: number; readonly mae: number };
}

/** How a quantile did on the test windows. */
export interface QuantileScore {
  readonly target: string;
  readonly horizon: number;
  readonly quantile: number;
  /** Share of truths below it, which should be the quantile. */
  readonly below: number;
  /** Mean quantile loss in the target's unit, and that of ridge regression with the quantile of its errors in training. */
  readonly loss: number;
  readonly ridge: number;
}

/** What a forecast model has to say about itself; kept in `userDefinedMetadata.citystream` of the model file. */
export interface ForecastMetadata {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Records in a window, and the time from one to the next in ms. */
  readonly steps: number;
  readonly stepLength: number;
  /** Minutes to add to UTC for the local time of `sine` and `cosine`. */
  readonly utcOffset: number;
  /** A missing reading is the last one, for at most so many steps. */
  readonly fill: number;
  readonly features: readonly Feature[];
  readonly inputs: readonly InputRule[];
  readonly outputs: readonly OutputRule[];
  /** Data, dates, seeds: for the reader of the file. */
  readonly training?: Readonly<Record<string, unknown>>;
  readonly scores?: readonly Score[];
  readonly quantileScores?: readonly QuantileScore[];
}

const INPUT_KINDS: Readonly<Record<InputRule["as"], number>> = {
  value: 1,
  log: 1,
  east: 2,
  north: 2,
  humidity: 2,
  sine: 0,
  cosine: 0,
};

/**
 * Checks metadata read from a file.
 * @param where names the file in errors
 * @throws ConfigError saying which entry is wrong
 */
export function checkMetadata(value: unknown, where: string): ForecastMetadata {
  const wrong = (what: string): never => {
    throw new ConfigError(`${where}: userDefinedMetadata.citystream${what}`);
  };
  const record = (v: unknown, at: string): Record<string, unknown> =>
    typeof v === "object" && v !== null && !Array.isArray(v)
      ? (v as Record<string, unknown>)
      : wrong(`${at} is missing`);
  const list = (v: unknown, at: string): Record<string, unknown>[] =>
    Array.isArray(v) && v.length ? v.map((row, i) => record(row, `${at}[${i}]`)) : wrong(`${at} must be a list`);
  const num = (v: unknown, at: string, least = -Infinity): number =>
    typeof v === "number" && Number.isFinite(v) && v >= least ? v : wrong(`${at} must be a number`);
  const str = (v: unknown, at: string): string => (typeof v === "string" && v ? v : wrong(`${at} must be a text`));

  const meta = record(value, "");
  for (const key of ["name", "version"]) str(meta[key], `.${key}`);
  for (const key of ["steps", "stepLength"]) num(meta[key], `.${key}`, 1);
  num(meta["utcOffset"], ".utcOffset");
  num(meta["fill"], ".fill", 0);
  const names = new Set<string>();
  for (const [i, feature] of list(meta["features"], ".features").entries()) {
    names.add(str(feature["name"], `.features[${i}].name`));
    num(feature["min"], `.features[${i}].min`);
    num(feature["max"], `.features[${i}].max`);
  }
  for (const [i, input] of list(meta["inputs"], ".inputs").entries()) {
    const at = `.inputs[${i}]`;
    const count = INPUT_KINDS[str(input["as"], `${at}.as`) as InputRule["as"]];
    if (count === undefined) wrong(`${at}.as is "${String(input["as"])}", which this version does not know`);
    const of = (input["of"] ?? []) as unknown[];
    if (!Array.isArray(of) || of.length !== count || !of.every((name) => names.has(name as string))) {
      wrong(`${at}.of must name ${count} of the features`);
    }
    if (!count && !["day", "week", "year"].includes(input["period"] as string)) wrong(`${at}.period is unknown`);
    num(input["offset"], `${at}.offset`);
    if (num(input["scale"], `${at}.scale`) === 0) wrong(`${at}.scale must not be 0`);
  }
  for (const [i, output] of list(meta["outputs"], ".outputs").entries()) {
    const at = `.outputs[${i}]`;
    const target = str(output["target"], `${at}.target`);
    num(output["horizon"], `${at}.horizon`, 1);
    num(output["offset"], `${at}.offset`);
    num(output["scale"], `${at}.scale`);
    if (typeof output["change"] !== "boolean") wrong(`${at}.change must be true or false`);
    const quantile = output["quantile"];
    if (quantile !== undefined && !(num(quantile, `${at}.quantile`, 0) > 0 && (quantile as number) < 1)) {
      wrong(`${at}.quantile must be between 0 and 1`);
    }
    if (output["change"] && !names.has(target)) wrong(`${at}.target "${target}" is not among the features`);
  }
  return value as ForecastMetadata;
}
