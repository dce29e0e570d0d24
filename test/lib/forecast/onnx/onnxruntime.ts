/** onnxruntime-node as a judge of ONNX files. */
import { createRequire } from "node:module";
import path from "node:path";
import type { Context } from "mocha";
import { fetchedFor } from "../../../../tools/services/for-test";
import { engines } from "../../../../tools/services/engines";

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: Float32Array; dims: readonly number[] }>>;
}
interface OnnxRuntime {
  readonly InferenceSession: { create(model: Buffer): Promise<Session> };
  readonly Tensor: new (type: string, data: Float32Array, dims: number[]) => unknown;
}

/** Answers of an ONNX model for windows `[count × steps × inputs]`. */
export type Judge = (model: Buffer, windows: Float32Array, dims: number[]) => Promise<Float32Array>;

/** Skips the test, or fails it with `CI=true`, where it can't be had. */
export async function onnxruntimeFor(context: Context): Promise<Judge> {
  const folder = await fetchedFor(context, engines);
  const runtime = createRequire(path.join(folder, "package.json"))("onnxruntime-node") as OnnxRuntime;
  return async (model, windows, dims) => {
    const session = await runtime.InferenceSession.create(model);
    const answers = await session.run({ window: new runtime.Tensor("float32", windows, dims) });
    return answers["forecast"]?.data ?? new Float32Array(0);
  };
}
