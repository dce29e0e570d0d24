/** Values written with a schema of a registry. */
import { ConfigError, Rejected, Retriable, asError, messageOf } from "../errors";
import { avroEncoder, avroTarget } from "../formats/avro-encoder";
import { Conforming } from "../formats/schema/conform";
import { parseType } from "../formats/schema/parse";
import { wholeSchema } from "./references";
import type { GivenSchema, SchemaRegistry } from "./registry";
import { framed } from "./wire";

export interface SchemaWriterSettings {
  /** Written with it; absent: with the subject's latest version. */
  readonly schema?: GivenSchema | undefined;
  /** Whether the schema is registered where it is not; else it must be there. */
  readonly register: boolean;
}

export interface SchemaWriter {
  /**
   * Sees to the schema of a subject; what keeps it away, `encode` says.
   * @returns undefined when it is known
   */
  prepare(subject: string): Promise<void> | undefined;
  /**
   * A value for a subject that was prepared.
   * @throws Rejected naming the field that does not fit; what the registry threw; Retriable when the subject, or the
   * schema in it, is not there
   */
  encode(subject: string, value: unknown): Buffer;
}

interface Known {
  readonly encode: (value: unknown) => Buffer;
  /** When the subject's latest version is looked up again, in ms since the epoch. */
  until: number;
}

/** How long the latest version of a subject is taken for the latest, in ms. */
const LATEST = 60_000;

function avroBody(schema: unknown): (value: unknown) => Buffer {
  const type = parseType(schema);
  const conform = new Conforming(avroTarget, false).value(type);
  const encode = avroEncoder(type);
  return (value) => encode(conform(value));
}

const jsonBody = (value: unknown): Buffer => {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new Rejected(`a value of type ${typeof value} can't be written as JSON`);
  return Buffer.from(text);
};

/** @throws ConfigError when the text is no schema of its kind */
export function checkSchema({ kind, text }: GivenSchema): void {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`Schema: this is no JSON: ${messageOf(cause)}`, { cause });
  }
  if (kind === "AVRO") parseType(schema);
}

/** @param state told why the registry can't be asked, and undefined when it can again */
export function schemaWriter(
  registry: SchemaRegistry,
  { schema, register }: SchemaWriterSettings,
  state: (trouble: Error | undefined) => void,
): SchemaWriter {
  const known = new Map<string, Known>();
  const failures = new Map<string, Error>();
  const asked = new Map<string, Promise<void>>();
  const given = schema && (schema.kind === "JSON" ? jsonBody : avroBody(JSON.parse(schema.text)));

  const withGiven = async (subject: string, own: GivenSchema, body: (value: unknown) => Buffer): Promise<Known> => {
    const id = register ? await registry.register(subject, own) : await registry.idOf(subject, own);
    if (id === undefined)
      throw new Retriable(`The schema is not registered as "${subject}": register it, or let this node do so`);
    return { encode: (value) => framed(id, body(value)), until: Infinity };
  };

  const withLatest = async (subject: string): Promise<Known> => {
    const latest = await registry.version(subject, "latest");
    if (!latest)
      throw new Retriable(`Nothing is registered as "${subject}": register a schema there, or give one in Schema`);
    if (latest.kind === "PROTOBUF")
      throw new Retriable(`The latest schema of "${subject}" is of type PROTOBUF; AVRO and JSON are written`);
    const body = latest.kind === "JSON" ? jsonBody : avroBody(await wholeSchema(registry, latest));
    return { encode: (value) => framed(latest.id, body(value)), until: Date.now() + LATEST };
  };

  const find = async (subject: string): Promise<void> => {
    try {
      known.set(subject, await (schema && given ? withGiven(subject, schema, given) : withLatest(subject)));
      failures.delete(subject);
      state(undefined);
    } catch (error) {
      failures.set(subject, asError(error));
      state(error instanceof Rejected ? undefined : asError(error));
    }
  };

  const ask = (subject: string): Promise<void> => {
    const before = asked.get(subject);
    if (before) return before;
    const asking = find(subject).finally(() => asked.delete(subject));
    asked.set(subject, asking);
    return asking;
  };

  return {
    prepare(subject) {
      const one = known.get(subject);
      if (!one) return ask(subject);
      if (one.until < Date.now()) {
        one.until = Date.now() + LATEST;
        // what is known serves until the answer is there, and when there is none
        void ask(subject);
      }
      return undefined;
    },
    encode(subject, value) {
      const one = known.get(subject);
      if (!one) throw failures.get(subject) ?? new Retriable(`The schema of "${subject}" is not known yet`);
      try {
        return one.encode(value);
      } catch (error) {
        if (!(error instanceof Rejected)) throw new Rejected(`msg.payload: ${messageOf(error)}`, { cause: error });
        throw new Rejected(`msg.payload does not fit the schema of "${subject}": ${error.message}`, { cause: error });
      }
    },
  };
}
