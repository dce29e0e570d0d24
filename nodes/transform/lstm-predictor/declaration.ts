import { declareNode } from "../../lib/declare";
import { choice, configNode, flag, number, rows, text } from "../../lib/fields";
import type { ModelServer } from "../../lib/forecast/server/server";
import { stateFields, stateSection, stateStatuses } from "../../lib/state/fields";

const remote = { field: "engine", is: ["server"] };

export const declaration = declareNode({
  type: "citystream-lstm-predictor",
  group: "transform",
  label: "lstm predictor",
  icon: "lstm-predictor.svg",
  inputs: 1,
  outputs: ["forecast", "no forecast"],
  labelFrom: "model",
  fields: {
    model: text({
      label: "Model file",
      placeholder: "model.json",
      hint: "A TensorFlow.js layers model with this pack's metadata. Empty: the model that comes with the pack, PM2.5 and PM10 in 1, 6 and 24 hours.",
    }),
    engine: choice({
      label: "Engine",
      default: "built-in",
      options: {
        "built-in": "built-in",
        tfjs: "TensorFlow.js (@tensorflow/tfjs)",
        onnxruntime: "ONNX Runtime (onnxruntime-node)",
        server: "model server (KServe V2, TensorFlow Serving)",
      },
      hint: "What computes the network. TensorFlow.js and ONNX Runtime are packages that you install in Node-RED's user directory; see the help.",
    }),
    server: configNode<ModelServer>("citystream-model-server", {
      label: "Model server",
      showIf: remote,
      hint: "The model file says what the server's inputs are made of.",
    }),
    fallback: flag({
      label: "Fall back",
      default: true,
      showIf: remote,
      hint: "To the built-in engine with the network of the model file while the server does not answer. Otherwise records wait at their source.",
    }),
    lookEvery: number({
      label: "Look every (s)",
      default: 0,
      min: 0,
      max: 86_400,
      hint: "For a new model in the file, as lstm trainer puts there; records leave without a forecast while there is none. 0: the model is read once.",
    }),
    key: text({
      label: "Key",
      looksLike: "template",
      default: "key",
      hint: "What tells one series from another: a property, or a text with {{properties}}. Empty: all records are one series.",
    }),
    properties: rows({
      label: "Properties",
      section: "properties",
      hint: "Only features whose property is called otherwise.",
      columns: {
        feature: text({ label: "Feature", required: true }),
        property: text({ label: "Property of the payload", required: true }),
      },
      default: [],
    }),
    ...stateFields({ keys: 10_000, inMemory: 10_000 }),
  },
  sections: { properties: "Features of the model", ...stateSection },
  statuses: {
    ready: "ready",
    forecasting: "forecasting",
    following: "forecasting, keys",
    filling: "window filling",
    noModel: "no model yet",
    fallback: "server away",
    engine: "check engine",
    ...stateStatuses,
  },
});
