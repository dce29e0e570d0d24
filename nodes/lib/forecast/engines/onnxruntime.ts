/** The optional package onnxruntime-node, on one thread as the built-in engine. */
import { asError, ConfigError, messageOf } from "../../errors";
import { openBatcher } from "./batcher";
import { findPackage } from "./package";
import { answered, unanswered, type ForecastEngine, type Size } from "./port";
import { chooseTensors, type Chosen, type TensorInfo } from "./signature";

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Missing before 1.22. Dimensions of any size are names. */
  readonly inputMetadata?: readonly ValueMetadata[];
  readonly outputMetadata?: readonly ValueMetadata[];
  run(feeds: Record<string, unknown>, fetches: readonly string[]): Promise<Record<string, { readonly data: unknown }>>;
  release(): Promise<void>;
}
interface ValueMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}
interface OnnxRuntime {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
}

/** A call does not leave the event loop: so many windows take about 10 ms. */
const LARGEST = 512;

/**
 * @param model an ONNX file's bytes
 * @param where names the file in errors
 * @param folder Node-RED's user directory
 * @throws ConfigError when the package is missing or does not run here
 */
export function openOnnxruntime(
  model: Uint8Array,
  size: Size,
  where: string,
  folder: string | undefined,
): ForecastEngine {
  const runtime = load(findPackage("onnxruntime-node", folder));
  const session = runtime.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: 3,
  }).catch((error: unknown) => {
    throw new ConfigError(`${where}: onnxruntime can't open it: ${messageOf(error)}`, { cause: error });
  });
  const ready = session.then((made): readonly [Session, Chosen] => {
    const inputs = described(made.inputMetadata, made.inputNames);
    const outputs = described(made.outputMetadata, made.outputNames);
    return [made, chooseTensors({ inputs, outputs }, size, `${where}: the network`, { input: "", output: "" })];
  });
  const opened = ready.then(() => undefined);
  opened.catch(() => undefined);

  const batcher = openBatcher({
    shape: size,
    size: LARGEST,
    delay: 0,
    parallel: 1,
    async run(inputs, count) {
      try {
        const [made, { input, output }] = await ready;
        const windows = new runtime.Tensor("float32", inputs, [count, size.steps, size.inputs]);
        const answers = await made.run({ [input.name]: windows }, [output.name]);
        return answered(answers[output.name]?.data as Float32Array, count, { engine: "onnxruntime" });
      } catch (error) {
        return unanswered(count, asError(error));
      }
    },
  });
  return {
    opened,
    predict: batcher.predict,
    hurry: () => undefined,
    async close() {
      await batcher.drained();
      const made = await session.catch(() => undefined);
      await made?.release();
    },
  };
}

function load(entry: string): OnnxRuntime {
  try {
    return require(entry) as OnnxRuntime;
  } catch (error) {
    throw new ConfigError(
      `Engine: onnxruntime-node does not run on ${process.platform} ${process.arch} here (${messageOf(error)}); choose the built-in engine.`,
      { cause: error },
    );
  }
}

function described(metadata: readonly ValueMetadata[] | undefined, names: readonly string[]): TensorInfo[] {
  return names.map((name) => {
    const found = metadata?.find((one) => one.name === name && one.isTensor);
    const shape = found?.shape?.map((dimension) => (typeof dimension === "number" ? dimension : -1));
    return { name, type: found?.type ?? "", shape };
  });
}
