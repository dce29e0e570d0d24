/**
 * The monitor's state as lib/state keeps it: forecasts still to come true by key, and scores by model, of all keys together
 * or of each. A message is taken by its key first, and what that says of it by the scores: both are pure.
 */
import type { Advance, KeyedState } from "../../state/port";
import type { StreamRecord } from "../../stream/record";
import { fromPayload, type Told } from "./read-forecast";
import type { Rules } from "./rules";
import {
  freshScores,
  replaced,
  withArrivals,
  withForecasts,
  type Arrivals,
  type DriftEvent,
  type ModelScores,
} from "./scores";
import { advanceTrack, emptyTrack, type Track, type TrackBounds } from "./track";
import type { Figures } from "./window";

export interface MonitorOptions extends TrackBounds {
  readonly rules: Rules;
  /** Steps after which a drift that goes on is told again; 0: never. */
  readonly again: number;
  /** Each key has scores of its own. */
  readonly each: boolean;
}

/** Counts resets: what was kept before one is forgotten when it is met. */
interface Of {
  readonly era: number;
}
interface EraState extends Of {
  /** Keys that the picture offers. */
  readonly keys: readonly string[];
}
interface KeyState extends Of {
  readonly tracks: readonly Track[];
}
interface ScoresState extends Of {
  /** The one that forecast last is the last. */
  readonly models: readonly ModelScores[];
}
export type MonitorState = EraState | KeyState | ScoresState;

type Question =
  | { readonly ask: "era"; readonly reset?: number; readonly key?: string }
  | { readonly ask: "key"; readonly era: number; readonly told: Told; readonly payload: unknown }
  | { readonly ask: "scores"; readonly era: number; readonly told: Told; readonly arrivals: readonly Arrivals[] }
  | { readonly ask: "tracks" | "models"; readonly era: number };

/** What came of a message by its key. */
interface KeyAnswer {
  readonly arrivals: readonly Arrivals[];
  readonly stale: boolean;
}
interface ScoresAnswer {
  /** Of each forecast that came true, in their order; null: it is of a version that is scored no more. */
  readonly figures: readonly (Figures | null)[];
  readonly events: readonly DriftEvent[];
  /** The message's model is told not to hold. */
  readonly drifting: boolean;
}
export type MonitorAnswer = KeyAnswer | ScoresAnswer | EraState | KeyState | ScoresState;

/** Models, or versions with forecasts still to come true, kept of a key and of the scores; those unused longest make room. */
const TRACKS = 4;
const MODELS = 8;
/** Keys whose names the picture offers. */
const NAMES = 100;

export function monitorStep(options: MonitorOptions): Advance<MonitorState, MonitorAnswer> {
  return (state, { payload }) => {
    const question = payload as Question;
    if (question.ask === "era") {
      const next = takeEra(state as EraState | undefined, question);
      return { state: next, result: next };
    }
    const kept = state?.era === question.era ? state : undefined;
    if (question.ask === "key") return takeKey(kept as KeyState | undefined, question, options);
    if (question.ask === "scores") return takeScores(kept as ScoresState | undefined, question, options);
    const { era } = question;
    const next: MonitorState = kept ?? (question.ask === "tracks" ? { era, tracks: [] } : { era, models: [] });
    return { state: next, result: next };
  };
}

function takeEra(state: EraState | undefined, { reset, key }: Extract<Question, { ask: "era" }>): EraState {
  const { era, keys } = reset === undefined ? (state ?? { era: 0, keys: [] }) : { era: reset, keys: [] };
  return { era, keys: key === undefined || keys.includes(key) ? keys : [...keys, key].slice(-NAMES) };
}

function takeKey(
  state: KeyState | undefined,
  { era, told, payload }: Extract<Question, { ask: "key" }>,
  options: MonitorOptions,
): { state: KeyState; result: KeyAnswer } {
  const isOwn = ({ model, version, step }: Track): boolean =>
    model === told.model && version === told.version && step === told.step;
  let tracks = state?.tracks ?? [];
  if (told.series.length) {
    const own = tracks.find(isOwn) ?? emptyTrack(told);
    tracks = [...tracks.filter((track) => !isOwn(track)), own].slice(-TRACKS);
  }
  const arrivals: Arrivals[] = [];
  let stale = false;
  const next = tracks.flatMap((track) => {
    const own = told.series.length > 0 && isOwn(track);
    // A message without a forecast may not know what the targets are: a track does.
    const unread = track.targets.filter((target) => told.actual[target] === undefined);
    const actual = unread.length ? { ...told.actual, ...fromPayload(payload, unread) } : told.actual;
    const step = advanceTrack(track, { ...told, actual }, own, options);
    stale ||= own && step.stale;
    const { series } = step.track;
    const named = <T extends readonly unknown[]>([index, ...rest]: readonly [number, ...T]) => {
      const { target, ahead } = series[index] as (typeof series)[number];
      return [target, ahead, ...rest] as const;
    };
    if (step.scored.length + step.missed.length) {
      const { model, version, step: length } = track;
      arrivals.push({ model, version, step: length, scored: step.scored.map(named), missed: step.missed.map(named) });
    }
    return own || !isOver(step.track, options.points) ? [step.track] : [];
  });
  return { state: { era, tracks: next }, result: { arrivals, stale } };
}

/** Of a version that forecasts no more: all its forecasts have come true, and the picture shows later ones. */
const isOver = ({ series, newest }: Track, points: number): boolean =>
  series.every(({ pending, past }) => pending.length === 0 && (past.at(-1)?.[0] ?? -Infinity) < newest - points);

function takeScores(
  state: ScoresState | undefined,
  { era, told, arrivals }: Extract<Question, { ask: "scores" }>,
  { rules, again }: MonitorOptions,
): { state: ScoresState; result: ScoresAnswer } {
  let models = [...(state?.models ?? [])];
  const events: DriftEvent[] = [];
  if (told.series.length) {
    const before = models.find(({ model }) => model === told.model);
    const same = before?.version === told.version && before.step === told.step;
    const over = before && !same ? replaced(before, told.at) : undefined;
    if (over) events.push(over);
    const present = before && same ? withForecasts(before, told) : freshScores(told);
    models = [...models.filter((one) => one !== before), present].slice(-MODELS);
  }
  const figures = arrivals.flatMap((one) => {
    const at = models.findIndex(({ model, version }) => model === one.model && version === one.version);
    if (at < 0) return one.scored.map(() => null);
    const arrived = withArrivals(models[at] as ModelScores, one, rules, again);
    models[at] = arrived.scores;
    if (arrived.event) events.push(arrived.event);
    return arrived.figures;
  });
  const drifting = models.some(({ model, drift }) => model === told.model && drift !== null);
  return { state: { era, models }, result: { figures, events, drifting } };
}

/** What a message has made true. */
export interface Taken extends KeyAnswer, ScoresAnswer {}

/** Names of states: texts of users are keys, so each begins with a letter that says what it is. */
const ERA = "e";
const keyName = (key: string): string => `k${key}`;
const scoresName = (key: string, each: boolean): string => (each ? `s${key}` : "s");

/** The monitor on a state by key. */
export interface Monitor {
  /** How often everything was begun anew; of the moment, so asked once a message. */
  era(): number;
  /** @param era of the moment */
  take(era: number, record: StreamRecord, told: Told): Taken;
  /** Everything begins anew. @param era a number larger than all before, such as the time */
  reset(record: StreamRecord, era: number): void;
  /** Keys that came; the latest hundred. */
  keys(): readonly string[];
  /** For the picture: scores, of a key where each has its own. */
  models(key: string): readonly ModelScores[];
  /** For the picture: what was forecast of a key, and what came true. */
  tracks(key: string): readonly Track[];
}

export function openMonitor(
  state: Pick<KeyedState<MonitorAnswer>, "take">,
  { each }: Pick<MonitorOptions, "each">,
): Monitor {
  /** A record as the state sees it: what it is known by, and what is asked. */
  const asked = ({ source, window, parts }: StreamRecord, payload: Question): StreamRecord => ({
    source,
    window,
    parts,
    payload,
  });
  const eraOf = (question: Omit<Extract<Question, { ask: "era" }>, "ask"> = {}, record: StreamRecord = {}): EraState =>
    state.take(ERA, asked(record, { ask: "era", ...question })) as EraState;
  let named = new Set<string>();
  return {
    era: () => eraOf().era,
    take(era, record, told) {
      const { key } = told;
      const { arrivals, stale } = state.take(
        keyName(key),
        asked(record, { ask: "key", era, told, payload: record.payload }),
      ) as KeyAnswer;
      const scores = state.take(
        scoresName(key, each),
        asked(record, { ask: "scores", era, told, arrivals }),
      ) as ScoresAnswer;
      if (!named.has(key)) named = new Set(eraOf({ key }).keys);
      return { arrivals, stale, ...scores };
    },
    reset(record, era) {
      named = new Set(eraOf({ reset: era }, record).keys);
    },
    keys: () => eraOf().keys,
    models: (key) =>
      (state.take(scoresName(key, each), { payload: { ask: "models", era: eraOf().era } }) as ScoresState).models,
    tracks: (key) => (state.take(keyName(key), { payload: { ask: "tracks", era: eraOf().era } }) as KeyState).tracks,
  };
}
