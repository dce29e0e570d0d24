/** Parts of an ONNX graph as bytes; field numbers are those of onnx.proto3 (https://github.com/onnx/onnx). */
import { protoMessage, type ProtoField } from "./protobuf";

/** TensorProto.DataType, AttributeProto.AttributeType. */
const FLOAT = 1;
const INT = 2;
const INTS = 7;

/** A TensorProto of floats, row-major. */
export function tensor(name: string, shape: readonly number[], values: Float32Array): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, i * 4);
  return protoMessage(...shape.map((size): ProtoField => [1, size]), [2, FLOAT], [8, name], [9, bytes]);
}

/** Whole numbers that a node is set to; none may be negative. */
export type Attribute = readonly [name: string, value: number | readonly number[]];

function attribute([name, value]: Attribute): Buffer {
  if (typeof value === "number") return protoMessage([1, name], [3, value], [20, INT]);
  return protoMessage([1, name], ...value.map((one): ProtoField => [8, one]), [20, INTS]);
}

/** A NodeProto; an output called "" is left out. */
export function node(
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...attributes: readonly Attribute[]
): Buffer {
  return protoMessage(
    ...inputs.map((name): ProtoField => [1, name]),
    ...outputs.map((name): ProtoField => [2, name]),
    [4, type],
    ...attributes.map((one): ProtoField => [5, attribute(one)]),
  );
}

/** ValueInfoProto: floats of this shape, whose first dimension is free. */
export function described(name: string, ...sizes: readonly number[]): Buffer {
  const dimensions = [protoMessage([2, "batch"]), ...sizes.map((size) => protoMessage([1, size]))];
  const shape = protoMessage(...dimensions.map((dimension): ProtoField => [1, dimension]));
  return protoMessage([1, name], [2, protoMessage([1, protoMessage([1, FLOAT], [2, shape])])]);
}
