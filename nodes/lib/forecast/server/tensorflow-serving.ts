/** TensorFlow Serving's REST API (https://www.tensorflow.org/tfx/serving/api_rest). */
import { ConfigError, Retriable } from "../../errors";
import type { Size } from "../engines/port";
import type { TensorInfo } from "../engines/signature";
import { isRecord, numbersOf, recordsOf, textOf, type Ask, type Protocol, type ServedModel } from "./protocol";

const DEFAULT_SIGNATURE = "serving_default";

export function tensorflowServing(model: ServedModel): Protocol {
  const { name, version, label, format } = model;
  const signatureName = model.signature || DEFAULT_SIGNATURE;
  const which = version ? `/versions/${encodeURIComponent(version)}` : label && `/labels/${encodeURIComponent(label)}`;
  const path = `/v1/models/${encodeURIComponent(name)}${which}`;
  /** Known once the signature was asked for: a single input needs no name. */
  let single = true;

  /** Versions that can answer. @throws Retriable when there is none */
  async function available(ask: Ask): Promise<string[]> {
    const answer = await ask("GET", path);
    const states = recordsOf(isRecord(answer) ? answer["model_version_status"] : undefined);
    const ready = states.filter(({ state }) => state === "AVAILABLE").map((one) => textOf(one["version"]));
    if (ready.length > 0) return ready;
    const said =
      states.map((one) => `${textOf(one["version"])} is ${textOf(one["state"])}`).join(", ") || "it has none";
    throw new Retriable(`no version of the model "${name}" is available yet: ${said}`, { unreachable: true });
  }

  return {
    engine: "tensorflow-serving",
    async about(ask) {
      return { server: "TensorFlow Serving", versions: (await available(ask)).join(", ") };
    },
    async signature(ask) {
      await available(ask);
      const answer = await ask("GET", `${path}/metadata`);
      const spec = isRecord(answer) && isRecord(answer["model_spec"]) ? textOf(answer["model_spec"]["version"]) : "";
      const found = signaturesIn(answer);
      const signature = found[signatureName];
      if (!isRecord(signature))
        throw new ConfigError(
          `Signature: the model "${name}" has no "${signatureName}"; it has ${Object.keys(found).join(", ") || "none"}.`,
        );
      const inputs = tensorsOf(signature["inputs"]);
      single = inputs.length === 1;
      return { inputs, outputs: tensorsOf(signature["outputs"]), ...(spec && { version: spec }) };
    },
    async infer(ask, { input, output }, windows, count, size) {
      const tensor = nested(windows, count, size);
      const named = (value: unknown): unknown => (single ? value : { [input.name]: value });
      const asked = format === "rows" ? { instances: tensor.map(named) } : { inputs: named(tensor) };
      const answer = await ask("POST", `${path}:predict`, { signature_name: signatureName, ...asked });
      const body = isRecord(answer) ? answer : {};
      const given = (value: unknown): unknown => (isRecord(value) ? value[output.name] : value);
      const values =
        format === "rows" && Array.isArray(body["predictions"])
          ? body["predictions"].map(given)
          : given(body["outputs"]);
      if (values === undefined) throw new Retriable(`the model "${name}" answered without "${output.name}".`);
      // It does not say which version has answered: only one that was asked for by its number is known.
      return { values: numbersOf(values), ...(version && { version }) };
    },
  };
}

function signaturesIn(answer: unknown): Readonly<Record<string, unknown>> {
  const metadata = isRecord(answer) ? answer["metadata"] : undefined;
  const outer = isRecord(metadata) ? metadata["signature_def"] : undefined;
  const inner = isRecord(outer) ? outer["signature_def"] : undefined;
  return isRecord(inner) ? inner : {};
}

/** `TensorInfo` of a SavedModel, as JSON writes it: sizes are texts. */
function tensorsOf(described: unknown): TensorInfo[] {
  return Object.entries(isRecord(described) ? described : {}).map(([name, one]) => {
    const info = isRecord(one) ? one : {};
    const shape = isRecord(info["tensor_shape"]) ? info["tensor_shape"] : {};
    const known = shape["unknown_rank"] !== true && Array.isArray(shape["dim"]);
    return {
      name,
      type: textOf(info["dtype"]),
      shape: known ? recordsOf(shape["dim"]).map(({ size }) => Number(size)) : undefined,
    };
  });
}

/** `[count][steps][inputs]` */
function nested(windows: Float32Array, count: number, { steps, inputs }: Size): number[][][] {
  return Array.from({ length: count }, (_window, w) =>
    Array.from({ length: steps }, (_step, s) => {
      const at = (w * steps + s) * inputs;
      return Array.from(windows.subarray(at, at + inputs));
    }),
  );
}
