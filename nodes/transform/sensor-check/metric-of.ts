/** The metric that a node's settings describe. */
import { ConfigError } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import { IOT_METRIC } from "../../lib/stream/metric";
import type { FieldType, Metric, MetricField } from "../../lib/stream/metric";
import { metricFromSchema } from "../../lib/stream/metric-schema";
import { parsePath } from "../../lib/stream/path";
import type { declaration } from "./declaration";

type Declared = Settings<(typeof declaration)["fields"]>;
type Row = Declared["metricFields"][number];

/** Throws a ConfigError naming the setting, row and what to enter. */
export function metricOf(settings: Declared): Metric {
  switch (settings.metric) {
    case "iot":
      return IOT_METRIC;
    case "schema":
      return metricFromSchema(settings.schema);
    case "fields": {
      const fields = settings.metricFields.map(fieldOf);
      const repeated = fields.find((one, at) => fields.findIndex((other) => `${other.names}` === `${one.names}`) < at);
      if (repeated) throw new ConfigError(`Fields: "${repeated.names.join(".")}" has two rows; keep one of them`);
      const status = settings.statusField.trim();
      const time = settings.timeField.trim();
      return {
        name: "fields",
        fields,
        ...(status && { status: parsePath(status, "Status field") }),
        ...(time && { time: parsePath(time, "Time field") }),
      };
    }
  }
}

function fieldOf(row: Row, index: number): MetricField {
  const setting = `Fields: row ${index + 1}`;
  const type = row.type as FieldType;
  const { min, max } = row;
  if (min !== undefined && max !== undefined && min > max)
    throw new ConfigError(`${setting}: lowest ${min} is above highest ${max}; no value would be good`);
  const error = row.error.trim() === "" ? undefined : errorValue(row.error.trim(), type, setting);
  return {
    names: parsePath(row.field, setting),
    type,
    mandatory: row.mandatory,
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(error !== undefined && { error }),
  };
}

function errorValue(written: string, type: FieldType, setting: string): unknown {
  if (type === "string" || type === "time") return written;
  if (type === "boolean") return written === "true";
  const value = Number(written);
  if (Number.isNaN(value)) throw new ConfigError(`${setting}: the error value "${written}" is not a number`);
  return value;
}
