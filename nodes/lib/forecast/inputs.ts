import type { ForecastMetadata, InputRule } from "./metadata";

const DAY = 86_400_000;
const PERIODS = { day: DAY, week: 7 * DAY, year: 365.2425 * DAY };
const RADIANS = Math.PI / 180;
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
  const rules = metadata.inputs.map((rule) => compiled(rule, names));
  return (rows, first, count, endTime, out, at) => {
    for (const [input, one] of rules.entries())
      for (let r = 0; r < count; r++) {
        const time = endTime - (count - 1 - r) * metadata.stepLength + shift;
        out[at + r * rules.length + input] = (numberOf(one, rows, (first + r) * width, time) - one.offset) / one.scale;
      }
  };
}

/** A rule with the places of its features, and what is the same in each row. */
interface Compiled extends Pick<InputRule, "as" | "offset" | "scale"> {
  readonly a: number;
  readonly b: number;
  readonly angle: number;
}

function compiled({ as, of = [], offset, scale, period = "day" }: InputRule, names: string[]): Compiled {
  const [a = 0, b = 0] = of.map((name) => names.indexOf(name));
  return { as, offset, scale, a, b, angle: (2 * Math.PI) / PERIODS[period] };
}

/** One function for all rules: V8 inlines it, where a function for each would leave a number on the heap for each input of each row. */
function numberOf({ as, a, b, angle }: Compiled, rows: Float32Array, from: number, time: number): number {
  const first = rows[from + a] as number;
  switch (as) {
    case "value":
      return first;
    case "log":
      return Math.log1p(Math.max(0, first));
    case "east":
      return first * Math.sin((rows[from + b] as number) * RADIANS);
    case "north":
      return first * Math.cos((rows[from + b] as number) * RADIANS);
    case "humidity":
      return relativeHumidity(first, rows[from + b] as number);
    case "sine":
      return Math.sin(time * angle);
    case "cosine":
      return Math.cos(time * angle);
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
