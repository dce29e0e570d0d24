import { declareNode } from "../../lib/declare";
import { choice, number, secret, text, tls } from "../../lib/fields";

export const declaration = declareNode({
  type: "citystream-mqtt-broker",
  group: "config",
  label: "mqtt broker",
  labelFrom: "address",
  testable: true,
  fields: {
    server: choice({
      label: "Broker",
      default: "address",
      options: { address: "at an address", embedded: "embedded, for trying out" },
    }),
    address: text({
      label: "Address",
      default: "mqtt://127.0.0.1:1883",
      required: true,
      hint: "mqtt:// or mqtts:// (TLS), ws:// or wss:// (WebSocket).",
      showIf: { field: "server", is: ["address"] },
    }),
    version: choice({
      label: "MQTT version",
      default: "5",
      options: { "5": "5", "3.1.1": "3.1.1" },
      showIf: { field: "server", is: ["address"] },
    }),
    port: number({
      label: "Port",
      default: 1883,
      min: 1,
      max: 65_535,
      integer: true,
      hint: "The broker runs inside Node-RED for trying out: MQTT 3.1.1, reachable from this machine only, everything in memory. What mqtt in nodes here have not finished is not acknowledged to its publisher, which sends it again.",
      showIf: { field: "server", is: ["embedded"] },
    }),
    username: secret({ label: "User", visible: true }),
    password: secret({ label: "Password" }),
    tls: tls({ showIf: { field: "server", is: ["address"] } }),
    clientId: text({
      label: "Client id",
      hint: "Each node connects under an id of its own that begins with it. Empty: one that belongs to this Node-RED.",
      section: "connection",
    }),
    keepalive: number({
      label: "Keepalive (s)",
      default: 60,
      min: 1,
      max: 65_535,
      integer: true,
      section: "connection",
    }),
  },
  sections: { connection: "Connection" },
  words: {
    connected: "Connected by MQTT __version__ in __milliseconds__ ms. __product__",
    free: "Port __port__ is free: the embedded broker will use it once deployed.",
    running: "The broker on port __port__ answers.",
  },
});
