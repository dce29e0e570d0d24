import { asError } from "../../errors";
import type { Architecture, Weights } from "../architecture";
import { openPredictor } from "../predictor";
import { answered, unanswered, type ForecastEngine, type Origin } from "./port";

/**
 * This pack's own engine.
 * @throws ConfigError when layers and weights do not fit together
 */
export function openBuiltIn(
  network: { readonly architecture: Architecture; readonly weights: Weights },
  origin: Origin = { engine: "built-in" },
): ForecastEngine {
  const predictor = openPredictor(network);
  return {
    opened: Promise.resolve(),
    async predict(inputs, count) {
      try {
        return answered(await predictor.predict(inputs, count), count, origin);
      } catch (error) {
        return unanswered(count, asError(error));
      }
    },
    hurry: () => undefined,
    close: () => predictor.close(),
  };
}
