import { ConfigError, messageOf } from "../../errors";
import type { ModelSource } from "../model-source";
import type { ModelServer } from "../server/server";
import { openBuiltIn } from "./built-in";
import { openOnnxruntime } from "./onnxruntime";
import type { ForecastEngine } from "./port";
import { openRemote, type Watch } from "./remote";
import { openTfjs } from "./tfjs";

/** What a user has chosen. */
export interface EngineSettings {
  readonly engine: "built-in" | "tfjs" | "onnxruntime" | "server";
  /** For `server`. */
  readonly server: ModelServer | undefined;
  /** Whether the built-in engine answers while the server does not. */
  readonly fallback: boolean;
}

/**
 * Opens a model in the engine that was chosen.
 * @param folder Node-RED's user directory, where optional packages are looked for
 * @throws ConfigError when the engine can't be had here, or not compute this model; what is found out later rejects `opened`
 */
export function openEngine(
  source: ModelSource,
  { engine, server, fallback }: EngineSettings,
  folder: string | undefined,
  watch: Watch,
): ForecastEngine {
  const { where, size } = source;
  switch (engine) {
    case "built-in":
      return openBuiltIn(source.network());
    case "tfjs":
      return openTfjs(source.layers(), size, where, folder);
    case "onnxruntime":
      return openOnnxruntime(source.onnx(), size, where, folder);
    case "server":
      if (!server) throw new ConfigError("Model server: is not chosen");
      return openRemote(server, size, fallback ? instead(source) : undefined, watch);
  }
}

/** @throws ConfigError when the built-in engine could not answer instead */
function instead(source: ModelSource): ForecastEngine {
  try {
    return openBuiltIn(source.network(), { engine: "built-in", fallback: true });
  } catch (error) {
    throw new ConfigError(
      `Fall back: the built-in engine can't compute this model, so untick it or choose another model file. ${messageOf(error)}`,
      { cause: error },
    );
  }
}
