/** What the fraud rules find in labelled transactions, and how long each takes. */
import { fraudAdvance } from "../nodes/lib/stream/fraud/advance";
import type { Action, KeyState } from "../nodes/lib/stream/fraud/contract";
import { compileKey } from "../nodes/lib/stream/path";
import { readSettings } from "../nodes/lib/settings";
import { InMemoryState } from "../nodes/lib/state/in-memory";
import { declaration } from "../nodes/transform/fraud-rules/declaration";
import { readerOf, rulesOf, type Declared } from "../nodes/transform/fraud-rules/rules-of";
import { KINDS, type Kind, type Labelled } from "./fraud-data";

export interface Found {
  /** Of the transactions that were challenged or blocked (or blocked alone): the part that is fraud. */
  readonly precision: number;
  /** Of the fraudulent transactions: the part that was found. */
  readonly recall: number;
  /** Of the planted frauds: the part of which at least one transaction was found. */
  readonly episodes: number;
  /** Of the legitimate transactions: the part that was held back. */
  readonly falseAlarms: number;
}

export interface Score {
  readonly transactions: number;
  readonly fraudulent: number;
  readonly held: Found;
  readonly blocked: Found;
  /** Recall of challenge and block by kind of fraud. */
  readonly byKind: Readonly<Record<Kind, number>>;
  /** µs for reading a record, judging it and keeping its state. */
  readonly times: Float64Array;
  /** Bytes of the states as JSON, on average and at most. */
  readonly stateBytes: readonly [mean: number, most: number];
}

/** The node's settings with these changes, read as Node-RED would. */
export const settingsWith = (changes: Readonly<Record<string, unknown>> = {}): Declared =>
  readSettings(
    declaration.fields,
    changes,
    {},
    {
      env: () => undefined,
      configNode: () => undefined,
      tls: () => ({}),
      typedValue: () => () => undefined,
    },
  );

export function score(records: readonly Labelled[], changes: Readonly<Record<string, unknown>> = {}): Score {
  const settings = settingsWith(changes);
  const keyOf = compileKey(settings.key);
  const read = readerOf(settings, () => undefined);
  const states = new Map<string, KeyState>();
  const advance = fraudAdvance(rulesOf(settings));
  let key = "";
  const watched: typeof advance = (kept, record) => {
    const step = advance(kept, record);
    states.set(key, step.state);
    return step;
  };
  const state = new InMemoryState(watched, settings.keys);
  const times = new Float64Array(records.length);
  const actions: Action[] = records.map((record, index) => {
    const from = process.hrtime.bigint();
    key = keyOf(record);
    const verdict = state.take(key, { ...record, payload: read({ ...record }) });
    times[index] = Number(process.hrtime.bigint() - from) / 1000;
    return verdict?.action ?? "pass";
  });
  const isFraud = (index: number): boolean => records[index]?.label !== "legitimate";
  const heldBack = (index: number): boolean => actions[index] !== "pass";
  const byKind = Object.fromEntries(
    KINDS.map((kind) => {
      const of = records.flatMap(({ label }, index) => (label === kind ? [index] : []));
      return [kind, of.filter(heldBack).length / of.length];
    }),
  ) as Record<Kind, number>;
  const sizes = [...states.values()].map((one) => JSON.stringify(one).length);
  return {
    transactions: records.length,
    fraudulent: records.filter((_, index) => isFraud(index)).length,
    held: found(records, heldBack),
    blocked: found(records, (index) => actions[index] === "block"),
    byKind,
    times: times.sort(),
    stateBytes: [sizes.reduce((sum, size) => sum + size, 0) / sizes.length, Math.max(...sizes)],
  };
}

function found(records: readonly Labelled[], isFound: (index: number) => boolean): Found {
  let [right, wrong, missed, legitimate] = [0, 0, 0, 0];
  const all = new Set<number>();
  const caught = new Set<number>();
  records.forEach(({ label, episode }, index) => {
    if (label === "legitimate") {
      legitimate++;
      if (isFound(index)) wrong++;
      return;
    }
    all.add(episode);
    if (isFound(index)) {
      right++;
      caught.add(episode);
    } else missed++;
  });
  return {
    precision: right / (right + wrong),
    recall: right / (right + missed),
    episodes: caught.size / all.size,
    falseAlarms: wrong / legitimate,
  };
}
