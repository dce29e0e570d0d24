/** Reads what the editor stored into typed settings, or says which setting is wrong and what to enter. */
import type { Message } from "./delivery/contract";
import { ConfigError, messageOf } from "./errors";
import type { Field, Fields, Settings, TlsOptions } from "./fields";

/** What reading needs from Node-RED. */
export interface SettingsContext {
  /** Value of an environment variable, as seen by the node. */
  env(name: string): string | undefined;
  /** The handle made by a config node; throws ConfigError when it is missing or its own settings are wrong. */
  configNode(id: string): unknown;
  /** TLS options of a `tls-config` node; throws ConfigError when it is missing. */
  tls(id: string): TlsOptions;
  /** A function that finds the value of a typedInput for a message. */
  typedValue(type: string, value: string): (message: Message) => unknown;
}

type Raw = Readonly<Record<string, unknown>>;

/**
 * @param fields the declaration's fields
 * @param raw the node's stored configuration
 * @param credentials the node's credentials
 * @throws ConfigError naming the setting by its label
 */
export function readSettings<F extends Fields>(
  fields: F,
  raw: Raw,
  credentials: Raw,
  context: SettingsContext,
): Settings<F> {
  const settings: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const stored = field.kind === "secret" ? credentials[name] : raw[name];
    try {
      settings[name] = isShown(field, fields, raw) ? readField(name, field, stored, raw, context) : unread(field);
    } catch (error) {
      throw new ConfigError(`${field.label}: ${messageOf(error)}`, { cause: error });
    }
  }
  return settings as Settings<F>;
}

/** A field that depends on a hidden one is hidden too. */
function isShown(field: Field, fields: Fields, raw: Raw): boolean {
  if (!field.showIf) return true;
  const controller = fields[field.showIf.field];
  if (controller && !isShown(controller, fields, raw)) return false;
  const value = raw[field.showIf.field] ?? (controller && "default" in controller ? controller.default : "");
  return field.showIf.is.includes(value as string | boolean);
}

/** What a hidden field reads as: its default, without checks. */
function unread(field: Field): unknown {
  switch (field.kind) {
    case "text":
    case "choice":
    case "flag":
      return field.default;
    case "number":
      return field.default === "" ? undefined : field.default;
    case "secret":
      return "";
    case "names":
    case "rows":
      return [];
    default:
      return undefined;
  }
}

function readField(name: string, field: Field, stored: unknown, raw: Raw, context: SettingsContext): unknown {
  switch (field.kind) {
    case "text": {
      const value = expand(stored ?? field.default, context);
      if (field.required && value.trim() === "") throw new Error("is required");
      if (field.pattern && value !== "" && !new RegExp(`^(?:${field.pattern})$`, "u").test(value)) {
        throw new Error(`"${value}" does not have the expected form${field.hint ? ` (${field.hint})` : ""}`);
      }
      return value;
    }
    case "number":
      return readNumber(field, stored === undefined || stored === null ? field.default : stored, context);
    case "flag":
      return readFlag(stored ?? field.default, context);
    case "choice": {
      const value = expand(stored ?? field.default, context);
      if (!Object.hasOwn(field.options, value)) {
        throw new Error(`"${value}" is not one of ${Object.keys(field.options).join(", ")}`);
      }
      return value;
    }
    case "names": {
      const list = expand(stored ?? field.default, context)
        .split(/[,\n]/u)
        .map((entry) => entry.trim())
        .filter((entry) => entry !== "");
      if (field.required && list.length === 0) throw new Error("is required");
      return list;
    }
    case "secret":
      return expand(stored ?? "", context);
    case "config":
      if (!stored) {
        if (field.required) throw new Error("is not chosen");
        return undefined;
      }
      return context.configNode(String(stored));
    case "tls":
      return stored ? context.tls(String(stored)) : undefined;
    case "json":
      return readJson(field.required, expand(stored ?? field.default, context));
    case "typed":
      return context.typedValue(String(raw[`${name}Type`] ?? field.defaultType), String(stored ?? field.default));
    case "rows":
      return readRows(field, stored, context);
  }
}

function readRows(field: Extract<Field, { kind: "rows" }>, stored: unknown, context: SettingsContext): unknown[] {
  const list = stored ?? field.default;
  if (!Array.isArray(list)) throw new Error("must be a list");
  if (list.length < field.min) throw new Error(`needs at least ${field.min} row${field.min === 1 ? "" : "s"}`);
  return list.map((row: unknown, index) => {
    if (typeof row !== "object" || row === null) throw new Error(`row ${index + 1} is not an object`);
    try {
      return readSettings(field.columns, row as Raw, {}, context);
    } catch (error) {
      throw new Error(`row ${index + 1}: ${messageOf(error)}`, { cause: error });
    }
  });
}

function readNumber(
  field: Extract<Field, { kind: "number" }>,
  stored: unknown,
  context: SettingsContext,
): number | undefined {
  const value = typeof stored === "string" ? expand(stored, context).trim() : stored;
  if (value === "") {
    if (field.required) throw new Error("is required");
    return undefined;
  }
  const read = Number(value);
  if (!Number.isFinite(read)) throw new Error(`"${String(value)}" is not a number`);
  if (field.integer && !Number.isInteger(read)) throw new Error(`${read} is not a whole number`);
  if (field.min !== undefined && read < field.min) throw new Error(`${read} is below ${field.min}`);
  if (field.max !== undefined && read > field.max) throw new Error(`${read} is above ${field.max}`);
  return read;
}

function readFlag(stored: unknown, context: SettingsContext): boolean {
  if (typeof stored === "boolean") return stored;
  const value = expand(stored, context).trim().toLowerCase();
  if (["true", "1", "yes", "on"].includes(value)) return true;
  if (["false", "0", "no", "off", ""].includes(value)) return false;
  throw new Error(`"${value}" is neither true nor false`);
}

function readJson(required: boolean, value: string): unknown {
  if (value.trim() === "") {
    if (required) throw new Error("is required");
    return undefined;
  }
  return JSON.parse(value);
}

/** Replaces `${NAME}` by environment variables. */
function expand(value: unknown, context: SettingsContext): string {
  return String(value).replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/gu, (_, name: string) => {
    const found = context.env(name);
    if (found === undefined) throw new Error(`the environment variable ${name} is not set`);
    return found;
  });
}
