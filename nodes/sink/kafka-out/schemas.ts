/** Values written with schemas of a registry. */
import type { Message } from "../../lib/delivery/contract";
import { ConfigError } from "../../lib/errors";
import type { GivenSchema, SchemaRegistry } from "../../lib/registry/registry";
import { checkSchema, schemaWriter } from "../../lib/registry/writing";
import { template } from "../../lib/template";

export interface SchemaSettings {
  readonly format: "auto" | "json" | "registry";
  readonly registry: SchemaRegistry;
  /** A template; empty: the topic's name and `-value` (Confluent's TopicNameStrategy). */
  readonly subject: string;
  readonly schemaFrom: "latest" | "avro" | "json";
  /** JSON. */
  readonly schema: unknown;
  readonly register: boolean;
}

export interface RecordSchemas {
  /**
   * Sees to the schemas of values that go to these topics.
   * @returns undefined when all are known
   */
  prepare(values: readonly { readonly message: Message; readonly topic: string }[]): Promise<unknown> | undefined;
  /** @throws Rejected when the value does not fit, and why the schema is not known */
  encode(message: Message, topic: string): Buffer;
}

/** @param state told why the registry can't be asked, and undefined when it can again */
export function recordSchemas(
  settings: SchemaSettings,
  state: (trouble: Error | undefined) => void,
): RecordSchemas | undefined {
  if (settings.format !== "registry") return undefined;
  const { schemaFrom, register } = settings;
  let schema: GivenSchema | undefined;
  if (schemaFrom !== "latest") {
    if (settings.schema === undefined) throw new ConfigError("Schema: is required");
    schema = { kind: schemaFrom === "avro" ? "AVRO" : "JSON", text: JSON.stringify(settings.schema) };
    checkSchema(schema);
  }
  const writer = schemaWriter(settings.registry, { schema, register }, state);
  const own = settings.subject === "" ? undefined : template(settings.subject, "Subject");
  const subjectOf = (message: Message, topic: string): string => {
    if (!own) return `${topic}-value`;
    return own.render(own.constant || message.topic === topic ? message : Object.assign({}, message, { topic }));
  };
  return {
    prepare(values) {
      const preparing: Promise<void>[] = [];
      for (const { message, topic } of values) {
        const asked = writer.prepare(subjectOf(message, topic));
        if (asked && !preparing.includes(asked)) preparing.push(asked);
      }
      return preparing.length > 0 ? Promise.all(preparing) : undefined;
    },
    encode: (message, topic) => writer.encode(subjectOf(message, topic), message.payload),
  };
}
