import type { ForecastMetadata, InputRule } from "./metadata";

const DAY = 86_400_000;
const PERIODS = { day: DAY, week: 7 * DAY, year: 365.2425 * DAY };
const COMPASS = "N NNE NE ENE E ESE SE SSE S SSW SW WSW W WNW NW NNW".split(" ");

/** Relative humidity in % from temperature and dew point in °C. */
export function relativeHumidity(temperature: number, dewPoint: number): number {
  const exponent = (t: number): number => (17.625 * t) / (243.04 + t);
  return 100 * Math.exp(exponent(dewPoint) - exponent(temperature));
}

/** Degrees of a compass point (0 is north, 90 east); undefined when it is none. */
export function compassDegrees(text: string): number | undefined {
  const index = COMPASS.indexOf(text.trim().toUpperCase());
  return index < 0 ? undefined : index * 22.5;
}

/** Makes the network's inputs out of a window of features. */
export type Prepare = (
  rows: Float32Array,
  first: number,
  count: number,
  endTime: number,
  out: Float32Array,
  at: number,
) => void;

/**
 * Compiles the model's input rules: `prepare(rows, first, count, end, out, at)` turns `count` rows of features, from row
 * `first` on, into `[count × inputs]` at `out[at]`. `end` is the event time of the last row (ms); rows before it are one
 * step length apart. Features missing (NaN) give NaN.
 */
export function inputMaker(metadata: ForecastMetadata): Prepare {
  const names = metadata.features.map((feature) => feature.name);
  const width = names.length;
  const shift = metadata.utcOffset * 60_000;
  const makers = metadata.inputs.map((rule) => maker(rule, names));
  return (rows, first, count, endTime, out, at) => {
    let to = at;
    for (let r = 0; r < count; r++) {
      const from = (first + r) * width;
      const time = endTime - (count - 1 - r) * metadata.stepLength + shift;
      for (const make of makers) out[to++] = make(rows, from, time);
    }
  };
}

function maker(rule: InputRule, names: string[]): (rows: Float32Array, from: number, time: number) => number {
  const [a = 0, b = 0] = (rule.of ?? []).map((name) => names.indexOf(name));
  const { offset, scale } = rule;
  const angle = (2 * Math.PI) / PERIODS[rule.period ?? "day"];
  const read = (rows: Float32Array, i: number): number => rows[i] as number;
  const radians = Math.PI / 180;
  switch (rule.as) {
    case "value":
      return (rows, from) => (read(rows, from + a) - offset) / scale;
    case "log":
      return (rows, from) => (Math.log1p(Math.max(0, read(rows, from + a))) - offset) / scale;
    case "east":
      return (rows, from) => (read(rows, from + a) * Math.sin(read(rows, from + b) * radians) - offset) / scale;
    case "north":
      return (rows, from) => (read(rows, from + a) * Math.cos(read(rows, from + b) * radians) - offset) / scale;
    case "humidity":
      return (rows, from) => (relativeHumidity(read(rows, from + a), read(rows, from + b)) - offset) / scale;
    case "sine":
      return (_rows, _from, time) => (Math.sin(time * angle) - offset) / scale;
    case "cosine":
      return (_rows, _from, time) => (Math.cos(time * angle) - offset) / scale;
  }
}

/**
 * Replaces missing features (NaN) by the last one before, for at most `fill` rows in a row; in place.
 * @param rows `[count × width]`, oldest first
 */
export function fillGaps(rows: Float32Array, width: number, fill: number): void {
  const count = rows.length / width;
  for (let feature = 0; feature < width; feature++) {
    let last = Number.NaN;
    let age = 0;
    for (let r = 0; r < count; r++) {
      const value = rows[r * width + feature] as number;
      if (!Number.isNaN(value)) {
        last = value;
        age = 0;
      } else if (++age <= fill) {
        rows[r * width + feature] = last;
      }
    }
  }
}
