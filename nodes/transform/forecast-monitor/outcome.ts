/** What the monitor adds to records and sends of drift. */
import type { Message } from "../../lib/delivery/contract";
import type { DriftEvent } from "../../lib/forecast/monitor/scores";
import type { Taken } from "../../lib/forecast/monitor/monitor";
import type { Finding } from "../../lib/forecast/monitor/rules";
import type { Told } from "../../lib/forecast/monitor/read-forecast";
import type { Figures } from "../../lib/forecast/monitor/window";
import { horizonName } from "../../lib/forecast/forecast";

/** `msg.outcome`. */
export interface Outcome {
  /** Forecasts that came true with this record. */
  readonly scores: readonly OutcomeScore[];
  /** The model that forecasts this record is told not to hold any more. */
  readonly drift: boolean;
}

export interface OutcomeScore {
  readonly target: string;
  readonly horizon: string;
  readonly model: string;
  readonly version: string;
  /** Ms since the epoch: when the forecast was made, and the time that it was of. */
  readonly from: number;
  readonly at: number;
  readonly forecast: number;
  /** The band, where the model has quantiles, and whether the truth was in it. */
  readonly lower: number | null;
  readonly upper: number | null;
  readonly inside: boolean | null;
  readonly actual: number;
  /** forecast − actual. */
  readonly error: number;
  /** The same of persistence, which says that nothing changes; null: the value was missing then. */
  readonly persistence: number | null;
  /** Scores of the target and horizon over the window, this one included; null: of a version that is scored no more. */
  readonly rolling: Figures | null;
}

export function outcomeOf({ arrivals, figures, drifting }: Taken): Outcome {
  let next = 0;
  const scores = arrivals.flatMap(({ model, version, step, scored }) =>
    scored.map(([target, ahead, due, forecast, lower, upper, last, actual]): OutcomeScore => {
      const banded = lower !== null && upper !== null;
      return {
        target,
        horizon: horizonName(ahead * step),
        model,
        version,
        from: (due - ahead) * step,
        at: due * step,
        forecast,
        lower,
        upper,
        inside: banded ? actual >= lower && actual <= upper : null,
        actual,
        error: forecast - actual,
        persistence: last === null ? null : last - actual,
        rolling: figures[next++] ?? null,
      };
    }),
  );
  return { scores, drift: drifting };
}

/** A key of the declaration's words, with its values. */
interface Reason {
  readonly word: string;
  readonly values?: Readonly<Record<string, string | number>>;
}

const digits = (value: number): number => Number(value.toPrecision(4));
const percent = (share: number): number => digits(100 * share);

export function reasonOf({ state, findings }: DriftEvent, factor: number): Reason {
  const [first] = findings;
  if (state === "version") return { word: "reason-version" };
  if (!first || state === "over") return { word: "reason-over" };
  const { target, horizon, rule, value, limit, from, sigmas = 0, figures } = first;
  const values = {
    target,
    horizon,
    factor,
    count: figures.count,
    value: rule === "band" ? percent(value) : digits(value),
    limit: rule === "band" ? percent(limit) : digits(limit),
    sigmas: Number(Math.abs(sigmas).toFixed(1)),
  };
  return {
    word: rule === "error" ? `reason-error-${from === "learnt" ? "learnt" : "test"}` : `reason-${rule}`,
    values,
  };
}

/**
 * The message of a drift, or of its end. `train` is what lstm-trainer takes: true begins a training, false nothing.
 * @param record that it came with
 */
export function driftMessage(record: Message, told: Told, event: DriftEvent, reason: string): Message {
  const { forecast: _forecast, outcome: _outcome, window: _window, parts: _parts, ...rest } = record;
  const { state, model, version, since, time, findings } = event;
  const failing = state === "raised" || state === "again";
  const [first] = findings as readonly (Finding | undefined)[];
  return {
    ...rest,
    key: record["key"] ?? told.key,
    timestamp: record["timestamp"] ?? told.at,
    payload: {
      drift: failing,
      state,
      model,
      version,
      reason,
      ...(first && { target: first.target, horizon: first.horizon, rule: first.rule }),
      since,
      time,
      findings,
    },
    train: failing,
  };
}
