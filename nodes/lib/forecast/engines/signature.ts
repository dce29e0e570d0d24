import { ConfigError } from "../../errors";
import type { Size } from "./port";

/** An input or output of a model as an engine or a server describes it. */
export interface TensorInfo {
  readonly name: string;
  /** The engine's own word for the type of its numbers. */
  readonly type: string;
  /** -1 is a dimension of any size; undefined: nothing is said. */
  readonly shape: readonly number[] | undefined;
}

export interface Signature {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Version of the model, where that is said. */
  readonly version?: string;
}

/** The tensors by which a model is asked. */
export interface Chosen {
  readonly input: TensorInfo;
  readonly output: TensorInfo;
  readonly version?: string;
}

/** What single-precision floats are called: by ONNX runtimes, KServe, TensorFlow. */
const FLOATS = new Set(["float32", "FP32", "DT_FLOAT", ""]);

/**
 * The input and the output that fit a model of this size.
 * @param who the model, as a sentence begins with it
 * @param names those that the user has set; empty: the only one there is
 * @throws ConfigError that says what the model reads and what it should read
 */
export function chooseTensors(
  signature: Signature,
  size: Size,
  who: string,
  names: { readonly input: string; readonly output: string },
): Chosen {
  const pick = (list: readonly TensorInfo[], kind: "Input" | "Output", name: string): TensorInfo => {
    const known = list.map((one) => one.name).join(", ");
    if (name !== "") {
      const found = list.find((one) => one.name === name);
      if (found) return found;
      if (list.length === 0) return { name, type: "", shape: undefined };
      throw new ConfigError(`${who} has no ${kind.toLowerCase()} "${name}"; it has ${known}.`);
    }
    const [only, ...others] = list;
    if (!only)
      throw new ConfigError(`${who} does not say what its ${kind.toLowerCase()} is called: enter it as ${kind}.`);
    if (others.length > 0)
      throw new ConfigError(
        `${who} has ${list.length} ${kind.toLowerCase()}s, ${known}: enter one of them as ${kind}.`,
      );
    return only;
  };
  const input = pick(signature.inputs, "Input", names.input);
  const output = pick(signature.outputs, "Output", names.output);
  checkShape(who, "reads", input, [-1, size.steps, size.inputs], `${size.steps} steps of ${size.inputs} inputs`);
  checkShape(who, "answers with", output, [-1, size.outputs], `${size.outputs} outputs`);
  return { input, output, ...(signature.version !== undefined && { version: signature.version }) };
}

function checkShape(
  who: string,
  verb: string,
  { name, type, shape }: TensorInfo,
  wanted: readonly number[],
  words: string,
): void {
  if (!FLOATS.has(type)) throw new ConfigError(`${who} ${verb} "${name}" of type ${type}; it must be float32.`);
  if (shape === undefined) return;
  const fits = shape.length === wanted.length && shape.every((size, i) => size === wanted[i] || (i > 0 && size < 0));
  if (fits) return;
  const text = (sizes: readonly number[]): string => `[${sizes.map((size) => (size < 0 ? "any" : size)).join(", ")}]`;
  throw new ConfigError(
    `${who} ${verb} "${name}" of shape ${text(shape)}, but the model file describes ${text(wanted)}: any number of windows, ${words}.`,
  );
}
