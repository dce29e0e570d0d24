import { ConfigError, messageOf } from "../../errors";
import { protoFields } from "./protobuf";

/** Key of an ONNX file's `metadata_props` (field 14 of ModelProto) that holds the pack's metadata as JSON. */
export const METADATA_KEY = "citystream";

const METADATA_PROPS = 14;

/**
 * What an ONNX file says beside its network: the value of `citystream` in its `metadata_props`; undefined when there is none.
 * @throws ConfigError when the bytes are no ONNX file, or the value no JSON
 */
export function onnxMetadata(bytes: Buffer, where: string): unknown {
  try {
    for (const [field, entry] of protoFields(bytes)) {
      if (field !== METADATA_PROPS) continue;
      const [key, value] = [1, 2].map((wanted) =>
        protoFields(entry)
          .find(([one]) => one === wanted)?.[1]
          .toString(),
      );
      if (key === METADATA_KEY) return JSON.parse(value ?? "");
    }
    return undefined;
  } catch (error) {
    throw new ConfigError(`${where} is no ONNX model: ${messageOf(error)}.`, { cause: error });
  }
}
