/** The Open Inference Protocol, KServe V2, over REST (https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol). */
import { Rejected, Retriable } from "../../errors";
import type { TensorInfo } from "../engines/signature";
import { isRecord, numbersOf, recordsOf, textOf, type Protocol, type ServedModel } from "./protocol";

export function kserve({ name, version }: ServedModel): Protocol {
  const path = `/v2/models/${encodeURIComponent(name)}${version && `/versions/${encodeURIComponent(version)}`}`;
  return {
    engine: "kserve",
    async about(ask) {
      const server = await ask("GET", "/v2");
      const model = await ask("GET", path);
      const versions = isRecord(model) && Array.isArray(model["versions"]) ? model["versions"].map(textOf) : [];
      const known = isRecord(server) ? [server["name"], server["version"]].map(textOf).filter(Boolean) : [];
      return { server: known.join(" ") || "KServe V2", versions: version || versions.join(", ") || "–" };
    },
    async signature(ask) {
      await ask("GET", `${path}/ready`).catch((error: unknown) => {
        if (!(error instanceof Rejected)) throw error;
        throw new Retriable(`the model "${name}" is not ready: ${error.message}`, { cause: error, unreachable: true });
      });
      const model = await ask("GET", path);
      const tensors = (key: string): TensorInfo[] =>
        recordsOf(isRecord(model) ? model[key] : undefined).map(({ name: called, datatype, shape }) => ({
          name: textOf(called),
          type: textOf(datatype),
          shape: Array.isArray(shape) && shape.length > 0 ? shape.map(Number) : undefined,
        }));
      return { inputs: tensors("inputs"), outputs: tensors("outputs") };
    },
    async infer(ask, { input, output }, windows, count, size) {
      const answer = await ask("POST", `${path}/infer`, {
        inputs: [
          { name: input.name, shape: [count, size.steps, size.inputs], datatype: "FP32", data: Array.from(windows) },
        ],
        outputs: [{ name: output.name }],
      });
      const body = isRecord(answer) ? answer : {};
      const found = recordsOf(body["outputs"]).find((one) => one["name"] === output.name);
      if (!found) throw new Retriable(`the model "${name}" answered without "${output.name}".`);
      const served = textOf(body["model_version"]);
      return { values: numbersOf(found["data"]), ...(served && { version: served }) };
    },
  };
}
