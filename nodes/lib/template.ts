/**
 * A small template: text with `{{path}}` parts, filled from a message. `{{payload.site}}`, `{{topic}}`,
 * `{{headers["content-type"]}}` and `{{payload[0].id}}` are paths; Mustache's sections, partials and escaping are not part of it.
 */
import { ConfigError, Rejected } from "./errors";

export interface Template {
  /** True when the text has no `{{…}}` part: it renders the same for every message. */
  readonly constant: boolean;
  /** The paths it reads, as written. */
  readonly paths: readonly string[];
  /**
   * The text for one message.
   * @throws Rejected when a part is missing, null, an object or empty: such a record has no place to go.
   */
  render(from: unknown): string;
}

const step = /^(?:\.?([^.[\]{}"'\s]+)|\["([^"]*)"\]|\['([^']*)'\]|\[(\d+)\])/;

const parsePath = (path: string, setting: string): readonly string[] => {
  const steps: string[] = [];
  let rest = path.startsWith("msg.") ? path.slice(4) : path;
  while (rest !== "") {
    const found = step.exec(rest);
    if (found === null)
      throw new ConfigError(`${setting}: "{{${path}}}" is not a path; write for example {{payload.site}}`);
    steps.push(found[1] ?? found[2] ?? found[3] ?? found[4] ?? "");
    rest = rest.slice(found[0].length);
  }
  if (steps.length === 0) throw new ConfigError(`${setting}: "{{}}" names nothing; write for example {{payload.site}}`);
  return steps;
};

const valueAt = (from: unknown, steps: readonly string[]): unknown => {
  let value = from;
  for (const name of steps) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
};

/**
 * A way to one value of a message, such as `payload.site`; undefined where a step is missing.
 * @throws ConfigError when it is not a path
 */
export const valuePath = (source: string, setting: string): ((from: unknown) => unknown) => {
  const steps = parsePath(source.trim(), setting);
  return (from) => valueAt(from, steps);
};

const textOf = (value: unknown, path: string, source: string, setting: string): string => {
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  const what =
    value === undefined
      ? "is missing"
      : value === ""
        ? "is empty"
        : `is ${value === null ? "null" : `of type ${typeof value}`}`;
  throw new Rejected(`${setting} "${source}": {{${path}}} ${what} in this record; it must be text or a number`);
};

const textAt = (path: string, source: string, setting: string): ((from: unknown) => string) => {
  const steps = parsePath(path, setting);
  return (from) => textOf(valueAt(from, steps), path, source, setting);
};

/** What a part stands for that is no path; undefined for paths. Throws a ConfigError when it is neither. */
export type OtherPart = (part: string) => ((from: unknown) => string) | undefined;

/**
 * Parses a template once, to be rendered for every message.
 * @param source what the user wrote, for example `{{payload.site}}_{{payload.index}}_{{payload.type}}`
 * @param setting the setting's name, for errors
 * @param other parts of another kind
 * @throws ConfigError when a part is not a path or a `{{` is not closed
 */
export const template = (source: string, setting: string, other?: OtherPart): Template => {
  const texts: string[] = [];
  const paths: string[] = [];
  const parts: ((from: unknown) => string)[] = [];
  let rest = source;
  for (let open = rest.indexOf("{{"); open >= 0; open = rest.indexOf("{{")) {
    const close = rest.indexOf("}}", open);
    if (close < 0) throw new ConfigError(`${setting}: "{{" is not closed in "${source}"`);
    const path = rest.slice(open + 2, close).trim();
    texts.push(rest.slice(0, open));
    paths.push(path);
    parts.push(other?.(path) ?? textAt(path, source, setting));
    rest = rest.slice(close + 2);
  }
  return {
    constant: paths.length === 0,
    paths,
    render(from) {
      let result = "";
      for (const [index, part] of parts.entries()) result += texts[index] + part(from);
      return result + rest;
    },
  };
};
