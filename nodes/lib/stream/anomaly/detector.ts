/** Judges the records of a key one after the other: the step of its state. */
import type { Advance } from "../../state/port";
import type { Read } from "../path";
import type { StreamRecord } from "../record";
import {
  nextAlerts,
  type Alert,
  type AlertRules,
  type AlertState,
  type Finding,
  type Point,
  type Reason,
} from "./alerts";
import { nextAlarm, type Alarm, type AlarmState, type Hysteresis } from "./hysteresis";
import { LARGEST, type Method, type Reading, type Verdict } from "./method";

/** A field and one way to judge it. */
export interface Watch {
  /** Tells it from the others, and stays the same when other rows change. */
  readonly id: string;
  readonly method: Method;
  readonly hysteresis: Hysteresis;
}

export interface WatchedField {
  readonly field: string;
  /** Reads it from a payload. */
  readonly read: Read;
  /** Values that a sensor sends instead of readings. */
  readonly errors: readonly number[];
  readonly watches: readonly Watch[];
}

export interface DetectorOptions extends AlertRules {
  readonly fields: readonly WatchedField[];
  /** Event time in ms. @throws Rejected when the record has none */
  readonly timeOf: (record: StreamRecord) => number;
  /** Readings of a field that an alert shows. */
  readonly evidence: number;
  /** Whether readings count as normal that are at the threshold or in alarm. */
  readonly learnInAlarm: boolean;
  /** Readings in a row that were not learned after which a method begins to learn anew; 0: never. */
  readonly relearn: number;
}

/** What a record's `anomaly` says. */
export interface Anomaly {
  /** The highest of its reasons' scores; 1 is at the threshold. */
  readonly score: number;
  readonly state: AlarmState;
  readonly reasons: readonly Reason[];
  /** The record is older than one before it of its key, and was not judged. */
  readonly late?: true;
}

export interface Judgement {
  readonly anomaly?: Anomaly;
  readonly alerts?: readonly Alert[];
}

interface RowState {
  /** What the method knows. */
  readonly known?: unknown;
  readonly alarm?: Alarm;
  /** Readings in a row that were not learned. */
  readonly unlearned?: number;
}

/** A key's state: plain JSON, as large as its methods' and `evidence` readings a field. */
export interface KeyState {
  readonly v: 1;
  /** Event time of the newest record, ms. */
  readonly at: number;
  readonly rows: Readonly<Record<string, RowState>>;
  readonly recent: Readonly<Record<string, readonly Point[]>>;
  readonly alerts?: AlertState;
}

const VERSION = 1;
const LATE: Judgement = { anomaly: { score: 0, state: "normal", reasons: [], late: true } };
const NEW: RowState = {};

/** A number that the sensor has measured; undefined for everything else. */
function readingIn(found: unknown, errors: readonly number[]): number | undefined {
  if (typeof found !== "number" || !(Math.abs(found) <= LARGEST) || errors.includes(found)) return undefined;
  // JSON has no −0.
  return found + 0;
}

/** The step that a node keeps its keys by. State of another version is begun anew. */
export function detector(options: DetectorOptions): Advance<KeyState, Judgement> {
  const { fields, timeOf, evidence, learnInAlarm, relearn } = options;

  /** A row's next state, and what is found of its reading. */
  function judge(watch: Watch, field: string, row: RowState, reading: Reading): { row: RowState; finding?: Finding } {
    const { method, hysteresis } = watch;
    const verdict = method.judge(row.known, reading);
    const alarm = verdict ? nextAlarm(row.alarm, verdict, reading.time, hysteresis) : row.alarm;
    const learns = learnInAlarm || (alarm?.state !== "alarm" && !(verdict && verdict.score >= 1));
    const unlearned = method.learns && verdict && !learns ? (row.unlearned ?? 0) + 1 : 0;
    if (relearn > 0 && unlearned >= relearn) {
      const message = `${field} = ${reading.value}: ${relearn} readings in a row were not normal; what is normal is learned anew`;
      return { row: NEW, ...(verdict && { finding: findingOf(watch, field, reading, verdict, undefined, message) }) };
    }
    const known = method.follow(row.known, reading, learns);
    const next: RowState = {
      ...(known !== undefined && { known }),
      ...(alarm && { alarm }),
      ...(unlearned > 0 && { unlearned }),
    };
    // Most readings are normal and were: nothing is said of them.
    if (!verdict || !(alarm ?? row.alarm)) return { row: next };
    const message = method.say(field, reading.value, verdict);
    return { row: next, finding: findingOf(watch, field, reading, verdict, alarm, message) };
  }

  return (given, record) => {
    const time = timeOf(record);
    const state = given?.v === VERSION ? given : undefined;
    if (state && time < state.at) return { state, result: LATE };
    const rows: Record<string, RowState> = {};
    const recent: Record<string, readonly Point[]> = {};
    const findings: Finding[] = [];
    for (const { field, read, errors, watches } of fields) {
      const value = readingIn(read(record.payload), errors);
      const points = state?.recent[field] ?? [];
      if (value === undefined) {
        for (const { id } of watches) rows[id] = state?.rows[id] ?? NEW;
        recent[field] = points;
        continue;
      }
      recent[field] = evidence > 0 ? [...points.slice(Math.max(0, points.length + 1 - evidence)), [time, value]] : [];
      const reading = { time, value, record };
      for (const watch of watches) {
        const { row, finding } = judge(watch, field, state?.rows[watch.id] ?? NEW, reading);
        rows[watch.id] = row;
        if (finding) findings.push(finding);
      }
    }
    const next: KeyState = { v: VERSION, at: time, rows, recent };
    if (findings.length === 0 && !state?.alerts) return { state: next };
    const inAlarm = (id: string): boolean => rows[id]?.alarm?.state === "alarm";
    const around = { time, inAlarm, recent: (field: string) => recent[field] ?? [] };
    const { state: alertState, alerts } = nextAlerts(state?.alerts, findings, around, options);
    const anomaly = anomalyOf(findings, rows);
    return {
      state: alertState ? { ...next, alerts: alertState } : next,
      ...((anomaly || alerts.length > 0) && {
        result: { ...(anomaly && { anomaly }), ...(alerts.length > 0 && { alerts }) },
      }),
    };
  };
}

function findingOf(
  { id, method }: Watch,
  field: string,
  { time, value }: Reading,
  { score, measure, threshold, expected }: Verdict,
  alarm: Alarm | undefined,
  message: string,
): Finding {
  const reason = { field, method: method.name, value, expected, score, measure, threshold, message };
  return { id, reason, alarm: alarm?.state === "alarm", since: alarm?.since ?? time };
}

/** What is to be said of the record itself: its fields that are suspect or in alarm. */
function anomalyOf(findings: readonly Finding[], rows: Readonly<Record<string, RowState>>): Anomaly | undefined {
  const abnormal = findings.filter(({ id }) => rows[id]?.alarm);
  if (abnormal.length === 0) return undefined;
  const reasons = abnormal.map(({ reason }) => reason);
  return {
    score: Math.max(...reasons.map(({ score }) => score)),
    state: abnormal.some(({ alarm }) => alarm) ? "alarm" : "suspect",
    reasons,
  };
}
