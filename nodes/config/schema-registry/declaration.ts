import { declareNode } from "../../lib/declare";
import { names, secret, tls } from "../../lib/fields";

export const declaration = declareNode({
  type: "citystream-schema-registry",
  group: "config",
  label: "schema registry",
  labelFrom: "urls",
  testable: true,
  fields: {
    urls: names({
      label: "Addresses",
      default: "http://127.0.0.1:8081",
      required: true,
      placeholder: "https://registry.example.org:8081, https://apicurio.example.org/apis/ccompat/v7",
      hint: "One or more servers of the same registry. Apicurio speaks Confluent's API below /apis/ccompat/v7.",
    }),
    username: secret({ label: "User", visible: true }),
    password: secret({ label: "Password" }),
    token: secret({ label: "Bearer token" }),
    tls: tls({ label: "TLS settings", hint: "For https: CA and client certificate. None: what Node.js trusts." }),
  },
  words: { found: "Schema registry with __subjects__ subject(s)" },
});
