import { declareNode } from "../../lib/declare";
import { choice, number, secret, text, tls } from "../../lib/fields";

const tensorflow = { field: "protocol", is: ["tensorflow-serving"] };

export const declaration = declareNode({
  type: "citystream-model-server",
  group: "config",
  label: "model server",
  labelFrom: "model",
  testable: true,
  fields: {
    protocol: choice({
      label: "Protocol",
      default: "kserve",
      options: { kserve: "KServe V2 (MLServer, Triton, …)", "tensorflow-serving": "TensorFlow Serving REST" },
    }),
    address: text({
      label: "Address",
      default: "http://127.0.0.1:8080",
      required: true,
      placeholder: "https://models.example.org:8443",
      hint: "Of the REST interface, without /v1 or /v2. TensorFlow Serving's port is 8501 unless set otherwise.",
    }),
    model: text({ label: "Model", required: true, placeholder: "air", hint: "Its name at the server." }),
    version: text({ label: "Version", hint: "Empty: the one that the server chooses, as a rule the newest." }),
    versionLabel: text({
      label: "Version label",
      showIf: tensorflow,
      placeholder: "stable",
      hint: "In place of a version, where the server has labels.",
    }),
    signature: text({ label: "Signature", showIf: tensorflow, placeholder: "serving_default" }),
    format: choice({
      label: "Requests",
      default: "rows",
      showIf: tensorflow,
      options: { rows: "rows (instances)", columns: "columns (inputs)" },
    }),
    tls: tls({ label: "TLS settings", hint: "For https: CA and client certificate. None: what Node.js trusts." }),
    header: text({
      label: "Header",
      default: "Authorization",
      section: "login",
      hint: "Of each request, with the secret as its value.",
    }),
    secret: secret({ label: "Secret", section: "login" }),
    input: text({ label: "Input", section: "tensors", hint: "Name of the model's input. Empty: the only one it has." }),
    output: text({ label: "Output", section: "tensors" }),
    batchSize: number({
      label: "Windows a request",
      default: 64,
      min: 1,
      max: 10_000,
      integer: true,
      section: "requests",
      hint: "Most that are asked for at once.",
    }),
    batchDelay: number({
      label: "Wait for others (ms)",
      default: 2,
      min: 0,
      max: 10_000,
      section: "requests",
      hint: "How long a window waits for others to go with. 0: those of the same moment go together.",
    }),
    parallel: number({ label: "Requests at a time", default: 4, min: 1, max: 16, integer: true, section: "requests" }),
    timeout: number({
      label: "Time-out (s)",
      default: 5,
      min: 0.1,
      max: 600,
      section: "requests",
      hint: "How long the server may be silent.",
    }),
    retries: number({
      label: "Retries",
      default: 2,
      min: 0,
      max: 100,
      integer: true,
      section: "requests",
      hint: "Of a request that got no answer, with growing pauses.",
    }),
    breakerFailures: number({
      label: "Pause after failures",
      default: 5,
      min: 0,
      integer: true,
      section: "requests",
      hint: "After so many in a row the server is not asked; then one request tries it. 0: it is always asked.",
    }),
    breakerPause: number({ label: "Pause (s)", default: 10, min: 0.1, max: 3_600, section: "requests" }),
  },
  sections: { login: "Login", tensors: "Input and output", requests: "Requests" },
  words: {
    found: "__server__: model __model__, version __versions__, reads __input__ and answers with __output__",
  },
});
