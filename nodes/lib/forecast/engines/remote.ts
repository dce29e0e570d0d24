/** A model server as an engine: batches, tries again, leaves a dead server alone, and lets the built-in engine answer instead. */
import { setTimeout as sleep } from "node:timers/promises";
import { backOff } from "../../back-off";
import { asError, ConfigError, Rejected, Retriable } from "../../errors";
import type { ModelServer } from "../server/server";
import { openBatcher } from "./batcher";
import { answered, unanswered, type Answers, type ForecastEngine, type Origin, type Size } from "./port";
import type { Chosen } from "./signature";

/** Told when the server stops to answer, and when it does again. */
export interface Watch {
  away(error: Error): void;
  back(): void;
}

/** Pauses between tries, in ms. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;
/** How long the server may still answer when the node closes, in ms; Node-RED waits for 15 s in all. */
const GRACE = 3_000;

/**
 * @param fallback answers while the server does not; closed with this engine
 */
export function openRemote(
  server: ModelServer,
  size: Size,
  fallback: ForecastEngine | undefined,
  watch: Watch,
): ForecastEngine {
  /** Aborted at `hurry`: no more tries; and a little later: no more answers. */
  const hurrying = new AbortController();
  const ending = new AbortController();
  let grace: NodeJS.Timeout | undefined;
  let chosen: Promise<Chosen> | undefined;
  let away = false;

  /** The tensors, asked for once; a server that was away may come back with another model. */
  function check(): Promise<Chosen> {
    if (chosen) return chosen;
    const checking = server.check(size, ending.signal);
    chosen = checking;
    checking.catch(() => {
      if (chosen === checking) chosen = undefined;
    });
    return checking;
  }

  async function ask(inputs: Float32Array, count: number): Promise<Answers> {
    const tensors = await check();
    try {
      const { values, version } = await server.infer(tensors, inputs, count, size, ending.signal);
      const origin: Origin = { engine: server.engine, ...(version !== undefined && { serverVersion: version }) };
      return answered(values, count, origin);
    } catch (error) {
      chosen = undefined;
      // Refused: perhaps it has another model now, which says more.
      if (error instanceof Rejected) await check();
      throw error;
    }
  }

  async function tried(inputs: Float32Array, count: number): Promise<Answers> {
    for (let n = 0; ; n++) {
      const refusal = server.breaker.refusal();
      if (refusal) throw refusal;
      try {
        const answers = await ask(inputs, count);
        server.breaker.succeeded();
        if (away) watch.back();
        away = false;
        return answers;
      } catch (thrown) {
        const error = asError(thrown);
        if (!(error instanceof Retriable)) {
          // It is there: what is wrong is not that it does not answer.
          server.breaker.succeeded();
          throw error;
        }
        if (ending.signal.aborted) server.breaker.left();
        else server.breaker.failed(error);
        if (n >= server.retries || hurrying.signal.aborted) throw error;
      }
      await sleep(backOff(n, FIRST_PAUSE, LONGEST_PAUSE), undefined, { signal: hurrying.signal }).catch(
        () => undefined,
      );
    }
  }

  async function run(inputs: Float32Array, count: number): Promise<Answers> {
    try {
      return await tried(inputs, count);
    } catch (thrown) {
      const error = asError(thrown);
      if (!(error instanceof Retriable)) return unanswered(count, error);
      if (!away && !hurrying.signal.aborted) {
        away = true;
        watch.away(error);
      }
      return fallback ? fallback.predict(inputs, count) : unanswered(count, error);
    }
  }

  const batcher = openBatcher({ shape: size, ...server.batch, run });
  // Whether it fits is known only when the server answers: until then it is taken.
  const opened = check().then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof ConfigError) throw error;
    },
  );
  opened.catch(() => undefined);
  return {
    opened,
    predict: batcher.predict,
    hurry() {
      hurrying.abort();
      grace ??= setTimeout(() => ending.abort(), GRACE);
    },
    async close() {
      await batcher.drained();
      clearTimeout(grace);
      ending.abort();
      await chosen?.catch(() => undefined);
      await fallback?.close();
    },
  };
}
