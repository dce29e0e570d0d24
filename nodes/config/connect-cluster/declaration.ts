import { declareNode } from "../../lib/declare";
import { names, secret, tls } from "../../lib/fields";

export const declaration = declareNode({
  type: "citystream-connect-cluster",
  group: "config",
  label: "connect cluster",
  labelFrom: "urls",
  testable: true,
  fields: {
    urls: names({
      label: "Addresses",
      default: "http://127.0.0.1:8083",
      required: true,
      placeholder: "https://connect1.example.org:8083, https://connect2.example.org:8083",
      hint: "REST addresses of one or more workers of the same Kafka Connect cluster.",
    }),
    username: secret({ label: "User", visible: true }),
    password: secret({ label: "Password" }),
    tls: tls({ label: "TLS settings", hint: "For https: CA and client certificate. None: what Node.js trusts." }),
  },
  words: { found: "Kafka Connect __version__, __connectors__ connector(s), __plugins__ plugin(s)" },
});
