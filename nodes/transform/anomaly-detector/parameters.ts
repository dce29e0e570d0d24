/** Parameters of a row, as `for=3 side=above`. */
import { ConfigError } from "../../lib/errors";
import type { MethodName } from "../../lib/stream/anomaly/method";

const OF_ALL = ["for", "error"];
const OF_SIGMAS = ["side", "spread"];
const KNOWN: Readonly<Record<MethodName, readonly string[]>> = {
  limits: OF_ALL,
  rate: [...OF_ALL, "side", "per"],
  zscore: [...OF_ALL, ...OF_SIGMAS, "window", "warmup"],
  ewma: [...OF_ALL, ...OF_SIGMAS, "lambda", "warmup", "memory"],
  seasonal: [...OF_ALL, ...OF_SIGMAS, "season", "zone", "least", "memory"],
  forecast: [...OF_ALL, ...OF_SIGMAS, "target", "horizon", "within", "warmup", "memory"],
  stuck: [...OF_ALL, "spread"],
};

/** A name, an equals sign, and a value: in quotes where it has spaces, or a number with its unit. */
const PAIR = /([a-z]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))\s*,?\s*/gy;

/** A row's own parameters; what is not given is undefined. All throw a ConfigError when a value does not fit. */
export interface Parameters {
  text(name: string): string | undefined;
  number(name: string, min: number, max: number): number | undefined;
  integer(name: string, min: number, max: number): number | undefined;
  one<K extends string>(name: string, options: readonly K[]): K | undefined;
  /** A whole number; undefined also where it is something else. */
  count(name: string): number | undefined;
}

/** @throws ConfigError naming the row, what was written and what may be */
export function parametersOf(written: string, method: MethodName, setting: string): Parameters {
  const values = new Map<string, string>();
  const text = written.trim();
  let at = 0;
  while (at < text.length) {
    PAIR.lastIndex = at;
    const match = PAIR.exec(text);
    if (!match)
      throw new ConfigError(
        `${setting}: More: "${text.slice(at)}" is no name=value; write for example for=3 side=above`,
      );
    const [, name = "", quoted, plain = ""] = match;
    if (!KNOWN[method].includes(name))
      throw new ConfigError(`${setting}: More: ${method} has no "${name}"; it has ${KNOWN[method].join(", ")}`);
    values.set(name, quoted ?? plain);
    at = PAIR.lastIndex;
  }
  const number: Parameters["number"] = (name, min, max) => {
    const value = values.get(name);
    if (value === undefined) return undefined;
    const read = Number(value);
    if (value === "" || !(read >= min && read <= max))
      throw new ConfigError(`${setting}: More: ${name}=${value} must be a number from ${min} to ${max}`);
    return read;
  };
  return {
    text: (name) => values.get(name),
    number,
    integer(name, min, max) {
      const read = number(name, min, max);
      if (read !== undefined && !Number.isInteger(read))
        throw new ConfigError(`${setting}: More: ${name}=${read} must be a whole number`);
      return read;
    },
    one(name, options) {
      const value = values.get(name);
      const found = options.find((option) => option === value);
      if (value !== undefined && found === undefined)
        throw new ConfigError(`${setting}: More: ${name}=${value} must be one of ${options.join(", ")}`);
      return found;
    },
    count(name) {
      const value = values.get(name);
      return value !== undefined && /^[1-9]\d{0,5}$/u.test(value) ? Number(value) : undefined;
    },
  };
}
