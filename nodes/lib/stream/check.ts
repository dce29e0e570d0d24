/** A record against a sensor metric. */
import { isObject } from "./record";
import { STATUS, timeOf } from "./metric";
import type { Metric, MetricField } from "./metric";
import { compileNames, describe } from "./path";

export type Rule = "missing" | "type" | "range" | "values" | "pattern" | "error value";

/** One rule that a value broke. */
export interface Finding {
  /** The field's path, `position.lat`; "payload" when it is no object at all. */
  readonly field: string;
  readonly rule: Rule;
  /** The value as it came; absent when missing. */
  readonly value?: unknown;
  /** A sentence that names field, value and rule. */
  readonly message: string;
}

export interface Checked {
  /** The payload: the very object when nothing was found, else a copy with bad readings null and the status set. */
  readonly payload: unknown;
  /** Optional fields that are missing or bad. */
  readonly flags: readonly Finding[];
  /** Mandatory rules that are broken: with any, the record is refused and `payload` is as it came. */
  readonly reasons: readonly Finding[];
  /** The record's own time in ms since the epoch, where the metric names a field for it and it is good. */
  readonly time?: number;
}

export interface CheckOptions {
  /** Numbers in text ("21.5") are read as numbers. */
  readonly numbersInText?: boolean;
}

const NOTHING: readonly Finding[] = [];

/** A checker for a metric: pure, and never throws, whatever the payload is. */
export function checker(metric: Metric, options: CheckOptions = {}): (payload: unknown) => Checked {
  const rules = metric.fields.map((field) => rule(field, options));
  const readTime = metric.time && compileNames(metric.time);
  const readStatus = metric.status && compileNames(metric.status);
  return (payload) => {
    if (!isObject(payload))
      return {
        payload,
        flags: NOTHING,
        reasons: [{ field: "payload", rule: "type", value: payload, message: notAnObject(payload) }],
      };
    let flags: Finding[] | undefined;
    let reasons: Finding[] | undefined;
    let copy: Record<string, unknown> | undefined;
    for (const { field, path, read, judge } of rules) {
      const value = read(payload);
      const verdict = judge(value);
      if (verdict === undefined) continue;
      if (verdict.finding === undefined) copy = withValue(copy ?? payload, field.names, verdict.value);
      else if (field.mandatory) (reasons ??= []).push(found(path, verdict.finding, value));
      else {
        (flags ??= []).push(found(path, verdict.finding, value));
        copy = withValue(copy ?? payload, field.names, null);
      }
    }
    if (reasons) return { payload, flags: flags ?? NOTHING, reasons };
    if (flags && metric.status) {
      const status = readStatus?.(payload);
      if (status === undefined || status === null || status === STATUS.success)
        copy = withValue(copy ?? payload, metric.status, STATUS.sensingError);
    }
    const time = readTime ? timeOf(readTime(payload)) : NaN;
    const result = { payload: copy ?? payload, flags: flags ?? NOTHING, reasons: NOTHING };
    return Number.isNaN(time) ? result : { ...result, time };
  };
}

/** All findings in one line. */
export function sentence(findings: readonly Finding[]): string {
  return findings.map((finding) => finding.message).join("; ");
}

type Broken = readonly [rule: Rule, why: string];
/** undefined: the value is good as it is; `value`: good when replaced by it. */
type Judged = { readonly finding: Broken } | { readonly finding?: never; readonly value: unknown } | undefined;

interface CompiledRule {
  readonly field: MetricField;
  readonly path: string;
  readonly read: (payload: unknown) => unknown;
  readonly judge: (value: unknown) => Judged;
}

function rule(field: MetricField, { numbersInText = false }: CheckOptions): CompiledRule {
  const path = field.names.join(".");
  const number = field.type === "int" || field.type === "float";
  const judge = (raw: unknown): Judged => {
    if (raw === undefined) return { finding: ["missing", "is missing"] };
    if (raw === null) return field.nullable ? undefined : { finding: ["missing", "is null"] };
    let value = raw;
    if (number && numbersInText && typeof raw === "string" && raw.trim() !== "") value = Number(raw);
    if (field.error !== undefined && value === field.error)
      return { finding: ["error value", "is the sensor's error value"] };
    const broken = typeBroken(field, value, raw) ?? rangeBroken(field, value);
    if (broken) return { finding: broken };
    return value === raw ? undefined : { value };
  };
  return { field, path, read: compileNames(field.names), judge };
}

const TYPES: Record<MetricField["type"], readonly [test: (value: unknown) => boolean, words: string]> = {
  int: [(value) => Number.isInteger(value), "an int"],
  float: [(value) => Number.isFinite(value), "a float"],
  string: [(value) => typeof value === "string", "text"],
  boolean: [(value) => typeof value === "boolean", "true or false"],
  time: [(value) => !Number.isNaN(timeOf(value)), "a time (ISO 8601 text, or ms since the epoch)"],
  object: [isObject, "an object"],
  array: [Array.isArray, "an array"],
};

function typeBroken(field: MetricField, value: unknown, raw: unknown): Broken | undefined {
  const [test, words] = TYPES[field.type];
  if (test(value)) return undefined;
  const hint =
    typeof raw === "string" && Number.isFinite(Number(raw)) && /int|float/.test(field.type) ? " but text" : "";
  return ["type", `is not ${words}${hint}`];
}

function rangeBroken(field: MetricField, value: unknown): Broken | undefined {
  if (field.values && !field.values.includes(value))
    return ["values", `is not one of ${field.values.map(describe).join(", ")}`];
  if (field.pattern && typeof value === "string" && !field.pattern.test(value))
    return ["pattern", `does not match ${field.pattern.source}`];
  const sized = typeof value === "string" || Array.isArray(value);
  const size = typeof value === "number" ? value : sized ? value.length : NaN;
  const what = sized ? `has length ${size}, ` : "is ";
  if (field.type === "time" && typeof value === "string") return undefined;
  if (field.min !== undefined && size < field.min) return ["range", `${what}below the minimum ${field.min}`];
  if (field.max !== undefined && size > field.max) return ["range", `${what}above the maximum ${field.max}`];
  if (field.above !== undefined && size <= field.above) return ["range", `${what}not above ${field.above}`];
  if (field.below !== undefined && size >= field.below) return ["range", `${what}not below ${field.below}`];
  return undefined;
}

function found(field: string, [broken, why]: Broken, value: unknown): Finding {
  if (value === undefined) return { field, rule: broken, message: `${field} ${why}` };
  const message = value === null ? `${field} ${why}` : `${field} = ${describe(value)} ${why}`;
  return { field, rule: broken, value, message };
}

function notAnObject(payload: unknown): string {
  const hint = typeof payload === "string" || Buffer.isBuffer(payload) ? "; decode it first (JSON)" : "";
  return `payload is ${describe(payload)}, not an object with fields${hint}`;
}

/** A copy of `object` with the value at `names` set; what lies beside it is shared. */
function withValue(object: Record<string, unknown>, names: readonly string[], value: unknown): Record<string, unknown> {
  const [name = "", ...rest] = names;
  if (rest.length === 0) return { ...object, [name]: value };
  const inner = object[name];
  return { ...object, [name]: withValue(isObject(inner) ? inner : {}, rest, value) };
}
