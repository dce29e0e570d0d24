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

/** @throws ConfigError when the schema is none, or one that the format can't have */
export function formatsOf(settings: Settings<(typeof declaration)["fields"]>): Formats {
  const { format, columns, coordinates } = settings;
  const hasSchema = settings.schema !== undefined && (format === "avro" || format === "parquet");
  const given = hasSchema ? parseSchema(settings.schema) : undefined;
  const schema = given && coordinates ? withCoordinates(given) : given;
  const closed = async (): Promise<void> => undefined;
  switch (format) {
    case "avro":
      return { format: () => avro(schema, settings.avroCompression), closed };
    case "parquet": {
      const thread = new ParquetThread();
      const make = (): RecordFormat => parquet(schema, settings.parquetCompression, thread);
      make();
      return { format: make, closed: () => thread.end() };
    }
    case "csv": {
      const all = columns.length > 0 && coordinates ? [...columns, ...Object.keys(COORDINATES)] : columns;
      return { format: () => textFile(csv(all), packings[settings.compression]), closed };
    }
    default:
      return { format: () => textFile(ndjson, packings[settings.compression]), closed };
  }
}
