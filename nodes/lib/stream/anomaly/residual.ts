/** What came against what was forecast for its time. */
import { isObject, type StreamRecord } from "../record";
import { learn, spreadOf, type Baseline } from "./baseline";
import { deviation, LARGEST, type Method, type Thresholds } from "./method";
import { saySigmas, type Learning } from "./sigmas";

/** A forecast that waits for its time: that time (ms), the value, and how far from it an actual may be (ms). */
type Due = readonly [time: number, value: number, within: number];

export interface Forecasts {
  readonly due: readonly Due[];
  /** Of actual − forecast, in the field's unit. */
  readonly base?: Baseline;
}

export interface ResidualOptions extends Learning {
  /** The forecast's target, such as `PM2.5`. */
  readonly target: string;
  /** Which of its horizons, such as `1h`; undefined: the shortest. */
  readonly horizon?: string | undefined;
  /** How far from the time that was forecast an actual may be, ms; undefined: a tenth of the horizon. */
  readonly within?: number | undefined;
}

/** Forecasts that wait at most; when so many do, further ones are not kept until the earliest is over. */
const WAITING = 256;

/** What lstm-predictor's `forecast` says of a target: when, and what. */
function forecastIn(record: StreamRecord, options: ResidualOptions): Due | undefined {
  const forecast = record["forecast"];
  if (!isObject(forecast) || forecast["ready"] !== true) return undefined;
  const { at, values, horizons } = forecast;
  if (typeof at !== "number" || !isObject(values) || !isObject(horizons)) return undefined;
  const ofTarget = values[options.target];
  if (!isObject(ofTarget)) return undefined;
  const ahead = (name: string): number => Number(horizons[name] ?? NaN);
  const name = options.horizon ?? Object.keys(ofTarget).sort((a, b) => ahead(a) - ahead(b))[0] ?? "";
  const value = ofTarget[name];
  const time = at + ahead(name);
  if (typeof value !== "number" || !(Math.abs(value) <= LARGEST) || !(ahead(name) > 0) || !Number.isFinite(time))
    return undefined;
  return [time, value, options.within ?? ahead(name) / 10];
}

/**
 * Sigmas of the residual (actual − forecast) from its mean so far: the interval that the forecast has earned. The record's
 * own forecast waits until its time; then the actual that is nearest to it is judged.
 */
export function residual(options: ResidualOptions, thresholds: Thresholds): Method<Forecasts> {
  const { warmup, memory, spread } = options;
  const dueAt = (known: Forecasts | undefined, time: number): Due | undefined => {
    let nearest: Due | undefined;
    for (const one of known?.due ?? []) {
      const distance = Math.abs(one[0] - time);
      if (distance <= one[2] && (!nearest || distance < Math.abs(nearest[0] - time))) nearest = one;
    }
    return nearest;
  };
  return {
    name: "forecast",
    learns: true,
    judge(known, { time, value }) {
      const due = dueAt(known, time);
      const base = known?.base;
      if (!due || !base || base.n < warmup) return undefined;
      const expected = due[1] + base.mean;
      // The floor of the spread is a share of the forecast, not of a mean residual near 0.
      const floor = spread ?? Math.abs(due[1]) / 1000;
      return deviation((value - expected) / spreadOf(base, floor, memory), expected, thresholds);
    },
    follow(known, { time, value, record }, mayLearn) {
      const due = dueAt(known, time);
      const base = due && mayLearn ? learn(known?.base, value - due[1], memory) : known?.base;
      const waiting = (known?.due ?? []).filter((one) => one[0] + one[2] > time);
      const made = forecastIn(record, options);
      if (made && made[0] + made[2] > time && waiting.length < WAITING) waiting.push(made);
      return { due: waiting, ...(base && { base }) };
    },
    say: saySigmas("against its forecast, "),
  };
}
