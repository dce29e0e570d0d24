/** What a schema registry is asked, in types: Confluent's REST API, which Karapace, Redpanda and Apicurio (`/apis/ccompat/v7`) speak too. */
import { ConfigError } from "../errors";
import { openRest, type Rest, type RestOptions, type RestServer } from "../rest";

export type SchemaKind = "AVRO" | "JSON" | "PROTOBUF";

/** A schema that another one names. */
export interface SchemaReference {
  /** As the other one calls it: for Avro its full name. */
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

export interface RegisteredSchema {
  readonly id: number;
  readonly kind: SchemaKind;
  /** For Avro and JSON Schema a text of JSON. */
  readonly text: string;
  readonly references: readonly SchemaReference[];
}

/** What is registered: a schema as its user has written it. */
export interface GivenSchema {
  readonly kind: "AVRO" | "JSON";
  readonly text: string;
}

/** Each may throw what `Rest.request` throws. */
export interface SchemaRegistry {
  about(): Promise<{ subjects: number }>;
  /** undefined when there is none of that id. */
  byId(id: number): Promise<RegisteredSchema | undefined>;
  /** undefined when there is no such subject, or no such version of it. */
  version(subject: string, version: number | "latest"): Promise<RegisteredSchema | undefined>;
  /** The schema's id under the subject; registers it when it is not there. @throws Rejected when it is not compatible */
  register(subject: string, schema: GivenSchema): Promise<number>;
  /** The schema's id under the subject; undefined when it is not registered there. */
  idOf(subject: string, schema: GivenSchema): Promise<number | undefined>;
  close(): void;
}

const server: RestServer = {
  name: "Schema registry",
  example: "http://127.0.0.1:8081",
  contentType: "application/vnd.schemaregistry.v1+json",
  busy: [],
};

interface Answer {
  readonly id?: number;
  readonly schema?: string;
  readonly schemaType?: SchemaKind;
  readonly references?: readonly SchemaReference[] | null;
}

const schemaOf = (answer: Answer, id: number | undefined = answer.id): RegisteredSchema => {
  if (id === undefined || answer.schema === undefined)
    throw new ConfigError("Addresses: what answers there is not a schema registry: it sent no schema");
  return {
    id,
    // absent for Avro, which was the first
    kind: answer.schemaType ?? "AVRO",
    text: answer.schema,
    references: answer.references ?? [],
  };
};

const bodyOf = ({ kind, text }: GivenSchema): object => ({
  schema: text,
  // registries older than schema types refuse the name
  ...(kind === "AVRO" ? {} : { schemaType: kind }),
});

/** @throws ConfigError for an address that is none */
export function openRegistry(options: RestOptions): SchemaRegistry {
  const rest: Rest = openRest(server, options);
  const at = (subject: string): string => `/subjects/${encodeURIComponent(subject)}`;
  return {
    async about() {
      const subjects = await rest.request("GET", "/subjects");
      if (!Array.isArray(subjects))
        throw new ConfigError("Addresses: what answers there is not a schema registry: it has no list of subjects");
      return { subjects: subjects.length };
    },
    async byId(id) {
      const answer = (await rest.request("GET", `/schemas/ids/${id}`)) as Answer | null;
      return answer ? schemaOf(answer, id) : undefined;
    },
    async version(subject, version) {
      const answer = (await rest.request("GET", `${at(subject)}/versions/${version}`)) as Answer | null;
      return answer ? schemaOf(answer) : undefined;
    },
    async register(subject, schema) {
      const answer = await rest.request("POST", `${at(subject)}/versions`, { body: bodyOf(schema) });
      const { id } = (answer ?? {}) as Answer;
      if (id === undefined)
        throw new ConfigError("Addresses: what answers there is not a schema registry: it gave the schema no id");
      return id;
    },
    async idOf(subject, schema) {
      const answer = (await rest.request("POST", at(subject), { body: bodyOf(schema) })) as Answer | null;
      return answer?.id;
    },
    close: () => rest.close(),
  };
}
