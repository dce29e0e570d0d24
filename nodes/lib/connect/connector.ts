/** A connector as users and messages describe it, read into what Connect keeps. */
import { Rejected } from "../errors";
import type { ConnectorConfig } from "./cluster";

export interface Connector {
  readonly name: string;
  readonly config: ConnectorConfig;
}

/**
 * Reads `{"name": …, "connector.class": …, …}`, or `{"name": …, "config": {…}}` as Connect's POST takes it, as an object
 * or as JSON.
 * @param given the configuration
 * @param name used when the configuration has none
 * @throws Rejected saying what is missing or wrong
 */
export function readConnector(given: unknown, name = ""): Connector {
  const object = objectOf(given);
  const inner = object["config"];
  const settings = inner === undefined ? object : objectOf(inner);
  const called = textOf("name", object["name"] ?? settings["name"] ?? name);
  if (called === "") {
    throw new Rejected('the connector has no name: add "name" to its configuration, or set Connector in the node');
  }
  const config: Record<string, string> = {};
  for (const [key, value] of Object.entries(settings)) {
    if (value !== null && value !== undefined) config[key] = textOf(key, value);
  }
  config["name"] = called;
  if (!config["connector.class"]) {
    throw new Rejected(`the configuration of connector "${called}" lacks "connector.class"`);
  }
  return { name: called, config };
}

function objectOf(given: unknown): Record<string, unknown> {
  let value = given;
  if (Buffer.isBuffer(value)) value = value.toString();
  if (typeof value === "string") {
    try {
      value = JSON.parse(value) as unknown;
    } catch (error) {
      throw new Rejected(`the connector's configuration is not JSON: ${(error as Error).message}`, { cause: error });
    }
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const kind = Array.isArray(value) ? "a list" : value === null ? "null" : typeof value;
  throw new Rejected(`the connector's configuration must be an object of settings, not ${kind}`);
}

function textOf(key: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Rejected(`the connector's setting "${key}" must be a text, a number or true or false`);
}

/** Whether Connect would keep the same: values it adds on its own are none. */
export const sameConfig = (one: ConnectorConfig, other: ConnectorConfig): boolean =>
  Object.keys(one).length === Object.keys(other).length && Object.keys(one).every((key) => one[key] === other[key]);
