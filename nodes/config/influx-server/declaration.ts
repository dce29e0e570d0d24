import { declareNode } from "../../lib/declare";
import { choice, flag, number, secret, text, tls } from "../../lib/fields";

const v1 = { field: "version", is: ["1"] };
const v2 = { field: "version", is: ["2"] };
const databases = { field: "version", is: ["1", "3"] };
const tokens = { field: "version", is: ["2", "3"] };
const servers = { field: "version", is: ["1", "2", "3"] };

export const declaration = declareNode({
  type: "citystream-influx-server",
  group: "config",
  label: "influx server",
  labelFrom: "address",
  testable: true,
  fields: {
    version: choice({
      label: "Kind",
      default: "2",
      options: {
        "1": "InfluxDB 1.x",
        "2": "InfluxDB 2.x",
        "3": "InfluxDB 3.x",
        files: "line-protocol files in a folder (no server)",
      },
    }),
    address: text({
      label: "Address",
      default: "http://127.0.0.1:8086",
      required: true,
      placeholder: "http://influx.example.org:8086, file:///data/points",
      hint: "Of the server; for files the folder: file:///data/points.",
    }),
    database: text({ label: "Database", showIf: databases, placeholder: "city" }),
    retentionPolicy: text({
      label: "Retention policy",
      showIf: v1,
      placeholder: "autogen",
      hint: "Empty: the database's default.",
    }),
    org: text({ label: "Organization", showIf: v2 }),
    bucket: text({ label: "Bucket", showIf: v2 }),
    user: secret({ label: "User", visible: true, showIf: v1 }),
    password: secret({ label: "Password", showIf: v1 }),
    token: secret({ label: "Token", showIf: tokens }),
    gzip: flag({ label: "Compress requests", default: true, showIf: servers }),
    tls: tls({ label: "TLS settings", showIf: servers, hint: "CA and client certificate for https addresses." }),
    timeout: number({
      label: "Time-out (s)",
      default: 30,
      min: 1,
      showIf: servers,
      hint: "How long the server may be silent before a request is tried again.",
    }),
  },
  words: {
    server: "InfluxDB __version__ at __address__ takes points",
    folder: "wrote and removed a file in __address__",
  },
});
