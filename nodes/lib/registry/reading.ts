/** Values that were written with a schema of a registry. */
import { ConfigError, Rejected, asError, messageOf } from "../errors";
import { AvroCursor, avroDecoder } from "../formats/avro-values";
import { parseType } from "../formats/schema/parse";
import { wholeSchema } from "./references";
import type { RegisteredSchema, SchemaRegistry } from "./registry";
import { idIn, unframed } from "./wire";

export interface SchemaReader {
  /**
   * Fetches the schemas that values need.
   * @returns undefined when each is known; else whether each is known now: when not, the registry could not be asked
   */
  prepare(values: readonly (Buffer | null)[]): Promise<boolean> | undefined;
  /**
   * A value that `prepare` was told of; null for null.
   * @throws Rejected when there is no such schema, or the bytes are not of it
   */
  decode(bytes: Buffer | null, what: string): unknown;
}

type Body = (bytes: Buffer) => unknown;

interface Known {
  readonly decode: Body;
  /** Asked again after that (ms since the epoch): a schema may be registered later. */
  readonly until: number;
}

/** How long a schema that is not there is not asked for again, in ms. */
const MISSING = 30_000;

const failing = (error: Rejected): Body => {
  return () => {
    throw error;
  };
};

const json: Body = (bytes) => JSON.parse(bytes.toString()) as unknown;

function avroBody(schema: unknown): Body {
  const decode = avroDecoder(parseType(schema, "it"));
  return (bytes) => {
    const cursor = new AvroCursor(bytes);
    const value = decode(cursor);
    if (cursor.at !== bytes.length) throw new RangeError(`${bytes.length - cursor.at} bytes are left over`);
    return value;
  };
}

async function bodyOf(registry: SchemaRegistry, schema: RegisteredSchema): Promise<Body> {
  if (schema.kind === "JSON") return json;
  if (schema.kind !== "AVRO")
    return failing(new Rejected(`its schema ${schema.id} is of type ${schema.kind}; AVRO and JSON are read`));
  try {
    return avroBody(await wholeSchema(registry, schema));
  } catch (error) {
    if (!(error instanceof Rejected || error instanceof ConfigError)) throw error;
    return failing(new Rejected(`its schema ${schema.id} can't be used: ${messageOf(error)}`, { cause: error }));
  }
}

/** @param state told why the registry can't be asked, and undefined when it can again */
export function schemaReader(registry: SchemaRegistry, state: (trouble: Error | undefined) => void): SchemaReader {
  const known = new Map<number, Known>();
  const asked = new Map<number, Promise<boolean>>();

  const fetched = async (id: number): Promise<boolean> => {
    try {
      const schema = await registry.byId(id);
      known.set(
        id,
        schema
          ? { decode: await bodyOf(registry, schema), until: Infinity }
          : {
              decode: failing(new Rejected(`its schema ${id} is not in the registry`)),
              until: Date.now() + MISSING,
            },
      );
    } catch (error) {
      if (!(error instanceof Rejected)) {
        state(asError(error));
        return false;
      }
      known.set(id, { decode: failing(error), until: Date.now() + MISSING });
    }
    state(undefined);
    return true;
  };

  const ask = (id: number): Promise<boolean> => {
    const before = asked.get(id);
    if (before) return before;
    const asking = fetched(id).finally(() => asked.delete(id));
    asked.set(id, asking);
    return asking;
  };

  return {
    prepare(values) {
      let wanted: Set<number> | undefined;
      for (const bytes of values) {
        const id = bytes === null ? undefined : idIn(bytes);
        if (id === undefined) continue;
        const one = known.get(id);
        if (one === undefined || (one.until !== Infinity && one.until < Date.now())) (wanted ??= new Set()).add(id);
      }
      return wanted && Promise.all([...wanted].map(ask)).then((all) => all.every(Boolean));
    },
    decode(bytes, what) {
      if (bytes === null) return null;
      const { id, body } = unframed(bytes, what);
      try {
        const one = known.get(id);
        if (!one) throw new Rejected(`its schema ${id} is not in the registry`);
        return one.decode(body);
      } catch (error) {
        throw new Rejected(
          error instanceof Rejected
            ? `the ${what} can't be read: ${error.message}`
            : `the ${what} is not of its schema ${id}: ${messageOf(error)}`,
          { cause: error },
        );
      }
    },
  };
}
