/** The measured network as an ONNX model, so that onnxruntime computes the very same thing. */
import type { Tensor } from "../nodes/lib/forecast/architecture";

/** Protocol Buffers, as much as ONNX needs: fields are [number, value]; numbers are varints. */
type Field = readonly [field: number, value: number | string | Buffer];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function message(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([field, value]) => {
      if (typeof value === "number") return [varint(field * 8), varint(value)];
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      return [varint(field * 8 + 2), varint(bytes.length), bytes];
    }),
  );
}

/** TensorProto of floats (dtype 1). */
function tensor(name: string, shape: readonly number[], values: Float32Array): Buffer {
  const dims = shape.map((size): Field => [1, size]);
  return message(...dims, [2, 1], [8, name], [9, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
}

const integers = (name: string, values: readonly number[]): Buffer =>
  message([1, name], ...values.map((value): Field => [8, value]), [20, 7]);
const integer = (name: string, value: number): Buffer => message([1, name], [3, value], [20, 2]);

function node(type: string, inputs: readonly string[], outputs: readonly string[], ...attributes: Buffer[]): Buffer {
  return message(
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [4, type],
    ...attributes.map((attribute): Field => [5, attribute]),
  );
}

/** ValueInfoProto: floats whose first dimension is free. */
function described(name: string, ...sizes: readonly number[]): Buffer {
  const dims = [message([2, "batch"]), ...sizes.map((size) => message([1, size]))];
  const shape = message(...dims.map((dim): Field => [1, dim]));
  return message([1, name], [2, message([1, message([1, 1], [2, shape])])]);
}

/** Keras's columns i f c o, row-major `[rows × 4 · units]`, as ONNX has them: `[4 · units × rows]`, i o f c. */
function gates({ values }: Tensor, rows: number, units: number): Float32Array {
  const out = new Float32Array(values.length);
  for (const [to, from] of [0, 3, 1, 2].entries()) {
    for (let unit = 0; unit < units; unit++) {
      for (let row = 0; row < rows; row++) {
        out[(to * units + unit) * rows + row] = values[row * 4 * units + from * units + unit] as number;
      }
    }
  }
  return out;
}

/** LSTM(units) → Dense(outputs) over `[batch, steps, inputs]`; opset 12. */
export function onnxModel(
  weights: ReadonlyMap<string, Tensor>,
  size: { steps: number; inputs: number; units: number; outputs: number },
): Buffer {
  const { steps, inputs, units, outputs } = size;
  const part = (name: string): Tensor => weights.get(name) as Tensor;
  const bias = new Float32Array(8 * units);
  bias.set(gates(part("lstm/bias"), 1, units));
  const graph = message(
    [1, node("Transpose", ["x"], ["steps"], integers("perm", [1, 0, 2]))],
    [1, node("LSTM", ["steps", "W", "R", "B"], ["", "last"], integer("hidden_size", units))],
    [1, node("Squeeze", ["last"], ["h"], integers("axes", [0]))],
    [1, node("Gemm", ["h", "K", "b"], ["y"])],
    [2, "forecast"],
    [5, tensor("W", [1, 4 * units, inputs], gates(part("lstm/kernel"), inputs, units))],
    [5, tensor("R", [1, 4 * units, units], gates(part("lstm/recurrent_kernel"), units, units))],
    [5, tensor("B", [1, 8 * units], bias)],
    [5, tensor("K", [units, outputs], part("out/kernel").values)],
    [5, tensor("b", [outputs], part("out/bias").values)],
    [11, described("x", steps, inputs)],
    [12, described("y", outputs)],
  );
  return message([1, 7], [7, graph], [8, message([2, 12])]);
}
