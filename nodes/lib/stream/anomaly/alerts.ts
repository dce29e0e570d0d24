/** From alarms of a key's fields to alerts that people read: grouped, with pauses between them, each raised and cleared once. */
import type { MethodName } from "./method";

/** Event time (ms) and value, as JSON keeps them small. */
export type Point = readonly [time: number, value: number];

/** What a method found, in numbers and in a sentence. */
export interface Reason {
  readonly field: string;
  readonly method: MethodName;
  readonly value: number;
  /** In the field's unit; null where the method expects no value. */
  readonly expected: number | null;
  /** 1 is at the threshold. */
  readonly score: number;
  /** In the method's unit, as `threshold`. */
  readonly measure: number;
  readonly threshold: number;
  readonly message: string;
}

/** A row that was judged, and whether it is in alarm now. */
export interface Finding {
  readonly id: string;
  readonly reason: Reason;
  readonly alarm: boolean;
  /** Event time of the first reading at the threshold, ms. */
  readonly since: number;
}

/** A row of an alert, as it was judged last. */
interface Member {
  readonly id: string;
  readonly since: number;
  readonly reason: Reason;
  /** Readings before the alarm, until it is told. */
  readonly evidence?: readonly Point[];
}

/** What a key's alerts are at; undefined when nothing waits, is open or was told lately. */
export interface AlertState {
  /** Event time of the last alert of a field, ms. */
  readonly told: Readonly<Record<string, number>>;
  /** An alert that waits for other fields, since `from` (ms). */
  readonly waiting?: { readonly from: number; readonly members: readonly Member[] };
  /** Alerts raised and not cleared; the first member is the one they are called by. */
  readonly open: readonly (readonly Member[])[];
}

export interface AlertRules {
  /** ms of event time in which alarms of a key are one alert; 0: those of one record. */
  readonly group: number;
  /** ms of event time from an alert of a field to the next. */
  readonly pause: number;
}

export interface Related {
  readonly field: string;
  readonly method: MethodName;
  readonly value: number;
  readonly expected: number | null;
  readonly score: number;
  readonly measure: number;
  readonly threshold: number;
  readonly since: number;
  readonly reason: string;
}

/** One alert as it leaves; the key is added by whoever knows it. */
export interface Alert extends Related {
  readonly state: "raised" | "cleared";
  /** Event time of the record with which it leaves, ms. */
  readonly time: number;
  /** The last readings of the field until then, oldest first. */
  readonly evidence: readonly { readonly time: number; readonly value: number }[];
  /** Further fields and methods of the same alert. */
  readonly related: readonly Related[];
}

export interface Surroundings {
  readonly time: number;
  readonly inAlarm: (id: string) => boolean;
  readonly recent: (field: string) => readonly Point[];
}

/**
 * The next state of a key's alerts, and those that leave. An alarm during the pause of its field waits until it is over, and
 * is told then if it lasts. An alert is cleared when none of its rows is in alarm; until then a row that comes back
 * makes no new one.
 */
export function nextAlerts(
  known: AlertState | undefined,
  findings: readonly Finding[],
  { time, inAlarm, recent }: Surroundings,
  { group, pause }: AlertRules,
): { readonly state: AlertState | undefined; readonly alerts: readonly Alert[] } {
  const alerts: Alert[] = [];
  const told = new Map(Object.entries(known?.told ?? {}).filter(([, at]) => time - at < pause));
  let { waiting } = known ?? {};
  let open = (known?.open ?? []).map((members) => members.map((member) => latest(member, findings)));

  const tell = (): void => {
    if (!waiting) return;
    const members = waiting.members.toSorted((a, b) => b.reason.score - a.reason.score);
    alerts.push(alertOf("raised", time, members, members[0]?.evidence ?? []));
    if (pause > 0) for (const { reason } of members) told.set(reason.field, time);
    open = [...open, members.map(({ id, since, reason }) => latest({ id, since, reason }, findings))];
    waiting = undefined;
  };

  if (waiting && time > waiting.from + group) tell();
  for (const { id, alarm, reason, since } of findings) {
    const taken = [...open, waiting?.members ?? []].some((members) => members.some((member) => member.id === id));
    if (!alarm || taken || told.has(reason.field)) continue;
    const member = { id, since, reason, evidence: recent(reason.field) };
    waiting = { from: waiting?.from ?? time, members: [...(waiting?.members ?? []), member] };
  }
  if (waiting && time >= waiting.from + group) tell();
  open = open.filter((members) => {
    if (members.some(({ id }) => inAlarm(id))) return true;
    alerts.push(alertOf("cleared", time, members, recent(members[0]?.reason.field ?? "")));
    return false;
  });
  const idle = told.size === 0 && !waiting && open.length === 0;
  return {
    state: idle ? undefined : { told: Object.fromEntries(told), ...(waiting && { waiting }), open },
    alerts,
  };
}

/** A member as it was judged last. */
function latest(member: Member, findings: readonly Finding[]): Member {
  const found = findings.find(({ id }) => id === member.id);
  return found ? { ...member, reason: found.reason } : member;
}

function alertOf(state: Alert["state"], time: number, members: readonly Member[], evidence: readonly Point[]): Alert {
  const [first, ...others] = members.map(relatedOf);
  return {
    ...(first as Related),
    state,
    since: Math.min(...members.map(({ since }) => since)),
    time,
    evidence: evidence.map(([at, value]) => ({ time: at, value })),
    related: others,
  };
}

function relatedOf({ since, reason: { message, ...numbers } }: Member): Related {
  return { ...numbers, since, reason: message };
}
