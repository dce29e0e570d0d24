import { declareNode } from "../../lib/declare";
import { choice, configNode, flag, number, optionalNumber, text } from "../../lib/fields";
import type { Broker } from "../../lib/mqtt/connection";

export const declaration = declareNode({
  type: "citystream-mqtt-out",
  group: "sink",
  label: "mqtt out",
  icon: "mqtt.svg",
  inputs: 1,
  outputs: ["published"],
  labelFrom: "publishTo",
  fields: {
    broker: configNode<Broker>("citystream-mqtt-broker", { label: "Broker" }),
    publishTo: text({
      label: "Topic",
      looksLike: "template",
      placeholder: "sensors/{{payload.station}}/air",
      hint: "May contain {{path}} parts of the record. Empty: msg.topic.",
    }),
    qos: choice({
      label: "QoS",
      default: "1",
      options: { "0": "0, at most once", "1": "1, at least once", "2": "2, exactly once to the broker" },
    }),
    retain: flag({ label: "Retain", default: false, hint: "The broker keeps the last message of each topic." }),
    expiry: optionalNumber({
      label: "Expiry (s)",
      min: 1,
      max: 4_294_967_295,
      integer: true,
      section: "limits",
      hint: "MQTT 5: seconds after which the broker drops what nobody has received. Empty: never.",
    }),
    waiting: number({
      label: "Most waiting",
      default: 10_000,
      min: 1,
      integer: true,
      section: "limits",
      hint: "Messages kept while the broker is away. What comes beyond fails as out of reach, so that its source sends it again.",
    }),
    waitingMegabytes: number({ label: "Most waiting (MB)", default: 64, min: 1, section: "limits" }),
    inFlight: number({
      label: "Most in flight",
      default: 1_000,
      min: 1,
      max: 65_535,
      integer: true,
      section: "limits",
      hint: "Messages sent and not acknowledged. An MQTT 5 broker may allow fewer.",
    }),
    clientId: text({ label: "Client id", section: "limits", hint: "Empty: the broker's client id and this node's." }),
  },
  sections: { limits: "Limits" },
  statuses: {
    connecting: "connecting",
    connected: "connected",
    away: "broker away",
    waiting: "away, messages wait",
    login: "login refused",
    certificate: "certificate refused",
    protocol: "wrong protocol",
    session: "client id refused",
    other: "not connected",
  },
});
