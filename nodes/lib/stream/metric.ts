/** What a sensor's record must look like: names, types, ranges, error values. */

/** `time` is ISO 8601 text, or a number: ms since the epoch, or seconds where it is below 10¹¹. */
export type FieldType = "int" | "float" | "string" | "boolean" | "time" | "object" | "array";
export const FIELD_TYPES: readonly FieldType[] = ["int", "float", "string", "boolean", "time", "object", "array"];

export interface MetricField {
  /** Names of the properties that lead to it in the payload: `["temp"]`, `["position", "lat"]`. */
  readonly names: readonly string[];
  readonly type: FieldType;
  /** Without it the record is refused; otherwise a missing or bad value is flagged and becomes null. */
  readonly mandatory: boolean;
  /** Lowest value (of text: length; of lists: items). */
  readonly min?: number;
  readonly max?: number;
  /** The range's ends themselves do not belong to it. */
  readonly above?: number;
  readonly below?: number;
  /** Only these values. */
  readonly values?: readonly unknown[];
  readonly pattern?: RegExp;
  /** null counts as a good value. */
  readonly nullable?: boolean;
  /** What the sensor sends instead of a reading when it has failed. */
  readonly error?: unknown;
}

export interface Metric {
  readonly name: string;
  readonly fields: readonly MetricField[];
  /** Where the record says how the sensor is: 0 success, 1 sensing error, 2 communication error. */
  readonly status?: readonly string[];
  /** Where the record says when it was read. */
  readonly time?: readonly string[];
}

/** Status values of the published metric. */
export const STATUS = { success: 0, sensingError: 1, communicationError: 2 } as const;

const gas = { type: "int", min: 0, max: 1023, error: -1, mandatory: false } as const;

/** The published IoT metric. */
export const IOT_METRIC: Metric = {
  name: "iot",
  status: ["status"],
  time: ["time"],
  fields: [
    { names: ["device_id"], type: "string", mandatory: true, min: 1 },
    { names: ["status"], type: "int", mandatory: true, values: [0, 1, 2] },
    { names: ["time"], type: "time", mandatory: true },
    { names: ["lat"], type: "float", mandatory: true, min: -90, max: 90 },
    { names: ["lon"], type: "float", mandatory: true, min: -180, max: 180 },
    { names: ["alcohol_gas"], ...gas },
    { names: ["co_gas"], ...gas },
    { names: ["temp"], type: "float", mandatory: false, min: -40, max: 125, error: -999 },
    { names: ["light"], ...gas },
    { names: ["dust"], type: "float", mandatory: false, min: 0, max: 750 },
  ],
};

const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/** ms since the epoch of a `time` value, or NaN. Text without a zone is UTC. */
export function timeOf(value: unknown): number {
  if (typeof value === "number") {
    const ms = Math.abs(value) < 1e11 ? value * 1000 : value;
    return Math.abs(ms) <= 8.64e15 ? ms : NaN;
  }
  if (value instanceof Date) return value.getTime();
  if (typeof value !== "string" || !ISO.test(value)) return NaN;
  const iso = value.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");
  const zoned = iso.length === 10 || /(?:Z|[+-]\d\d:?\d\d)$/.test(iso.slice(10));
  return Date.parse(zoned ? iso : `${iso}Z`);
}
