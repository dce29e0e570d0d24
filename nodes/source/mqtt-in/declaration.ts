import { declareNode } from "../../lib/declare";
import { deliveryFields, deliverySection } from "../../lib/field-groups";
import { choice, configNode, names, number, text } from "../../lib/fields";
import type { Broker } from "../../lib/mqtt/connection";

export const declaration = declareNode({
  type: "citystream-mqtt-in",
  group: "source",
  label: "mqtt in",
  icon: "mqtt.svg",
  inputs: 0,
  outputs: ["records"],
  labelFrom: "topics",
  fields: {
    broker: configNode<Broker>("citystream-mqtt-broker", { label: "Broker" }),
    topics: names({
      label: "Topics",
      required: true,
      placeholder: "sensors/+/air",
      hint: "Topic filters, separated by commas: sensors/#, or $share/group/sensors/# to share the work with others.",
    }),
    qos: choice({
      label: "QoS",
      default: "1",
      options: { "0": "0, at most once", "1": "1, at least once", "2": "2, at least once, no repeats by the network" },
    }),
    format: choice({
      label: "Payload",
      default: "json",
      options: { json: "JSON", text: "text (UTF-8)", bytes: "bytes" },
      hint: "What cannot be read so goes to the dead letters; the rest flows on.",
    }),
    timeField: text({
      label: "Event time",
      placeholder: "time",
      hint: "Property of the payload with the time of the reading (ISO, or seconds or milliseconds since 1970). It becomes msg.timestamp.",
    }),
    inFlight: number({
      label: "Most in flight",
      default: 100,
      min: 1,
      max: 65_535,
      integer: true,
      section: "session",
      hint: "Records received and not finished. MQTT 5 brokers are told so; the broker's own limit applies too (Mosquitto: max_inflight_messages, 20).",
    }),
    expiry: number({
      label: "Session expiry (s)",
      default: 604_800,
      min: 0,
      max: 4_294_967_295,
      integer: true,
      section: "session",
      hint: "MQTT 5: how long the broker keeps messages for this node while it is away. 3.1.1 brokers decide themselves.",
    }),
    clientId: text({
      label: "Client id",
      section: "session",
      hint: "Empty: the broker's client id and this node's. The session belongs to it.",
    }),
    ...deliveryFields(),
  },
  sections: { session: "Session", ...deliverySection },
  statuses: {
    connecting: "connecting",
    connected: "connected",
    full: "flow busy, records",
    away: "broker away",
    login: "login refused",
    certificate: "certificate refused",
    protocol: "wrong protocol",
    session: "client id refused",
    other: "not connected",
    refused: "topic refused",
  },
});
