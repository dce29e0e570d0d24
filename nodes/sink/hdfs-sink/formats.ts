import { ConfigError } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import { avro } from "../../lib/formats/avro";
import { csv } from "../../lib/formats/csv";
import { ndjson } from "../../lib/formats/ndjson";
import { packings } from "../../lib/formats/packing";
import { parquet } from "../../lib/formats/parquet/parquet";
import { ParquetThread } from "../../lib/formats/parquet/thread";
import type { RecordFormat } from "../../lib/formats/record-format";
import { parseSchema } from "../../lib/formats/schema/parse";
import type { RecordType, Type } from "../../lib/formats/schema/type";
import { textFile } from "../../lib/formats/text-file";
import type { declaration } from "./declaration";
import { COORDINATES } from "./records";

interface Formats {
  /** Makes the format of a directory's files. */
  format(): RecordFormat;
  /** No format is used any more. */
  closed(): Promise<void>;
}

/** The schema with the fields that say where a record came from. */
function withCoordinates(schema: RecordType): RecordType {
  const fields = Object.entries(COORDINATES).map(([name, kind]) => {
    if (schema.fields.some((field) => field.name === name))
      throw new ConfigError(`Schema: the field "${name}" is added by the sink; leave it out`);
    const type: Type = { kind: "union", branches: [{ kind: "null" }, { kind }] };
    return { name, written: name, type, fallback: null };
  });
  return { ...schema, fields: [...schema.fields, ...fields] };
}

/** Files of whatever schema is the latest when they are begun. */
function ofLatest(latest: () => RecordType, make: (schema: RecordType) => RecordFormat): () => RecordFormat {
  return () => {
    let schema = latest();
    let format = make(schema);
    return {
      extension: format.extension,
      begin() {
        const newest = latest();
        if (newest !== schema) {
          format = make(newest);
          schema = newest;
        }
        return format.begin();
      },
    };
  };
}

/**
 * @param latest the schema where it is a registry's
 * @throws ConfigError when the schema is none, or one that the format can't have
 */
export function formatsOf(
  settings: Settings<(typeof declaration)["fields"]>,
  latest: (() => RecordType) | undefined,
): Formats {
  const { format, columns, coordinates } = settings;
  const hasSchema = settings.schema !== undefined && (format === "avro" || format === "parquet");
  const located = (schema: RecordType): RecordType => (coordinates ? withCoordinates(schema) : schema);
  const schema = hasSchema ? located(parseSchema(settings.schema)) : undefined;
  const closed = async (): Promise<void> => undefined;
  switch (format) {
    case "avro": {
      const make = (of: RecordType | undefined): RecordFormat => avro(of, settings.avroCompression);
      return { format: latest ? ofLatest(latest, (of) => make(located(of))) : () => make(schema), closed };
    }
    case "parquet": {
      const thread = new ParquetThread();
      const make = (of: RecordType | undefined): RecordFormat => parquet(of, settings.parquetCompression, thread);
      if (!latest) make(schema);
      return {
        format: latest ? ofLatest(latest, (of) => make(located(of))) : () => make(schema),
        closed: () => thread.end(),
      };
    }
    case "csv": {
      const all = columns.length > 0 && coordinates ? [...columns, ...Object.keys(COORDINATES)] : columns;
      return { format: () => textFile(csv(all), packings[settings.compression]), closed };
    }
    default:
      return { format: () => textFile(ndjson, packings[settings.compression]), closed };
  }
}
