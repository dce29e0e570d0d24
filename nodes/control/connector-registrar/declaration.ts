import type { ConnectCluster } from "../../lib/connect/cluster";
import { declareNode } from "../../lib/declare";
import { configNode, flag, json, number, text } from "../../lib/fields";

export const declaration = declareNode({
  type: "citystream-connector-registrar",
  group: "control",
  label: "connector registrar",
  icon: "connector-registrar.svg",
  inputs: 1,
  outputs: ["running"],
  labelFrom: "connector",
  fields: {
    connect: configNode<ConnectCluster>("citystream-connect-cluster", { label: "Connect" }),
    connector: text({
      label: "Connector",
      placeholder: "city-files",
      hint: "Name of the connector, when its configuration has none.",
    }),
    config: json({
      label: "Configuration",
      hint: "The connector's settings as JSON. Empty: msg.payload carries them.",
    }),
    atStart: flag({
      label: "Register when flows start",
      default: true,
    }),
    timeLimit: number({
      label: "Time to run (s)",
      default: 60,
      min: 1,
      section: "waiting",
      hint: "How long the connector and its tasks may take until all are RUNNING. Time in which Kafka Connect cannot be reached does not count.",
    }),
    settle: number({
      label: "Keeps running (s)",
      default: 1,
      min: 0,
      section: "waiting",
      hint: "How long all must stay RUNNING before the connector counts as running.",
    }),
  },
  sections: { waiting: "Waiting" },
  statuses: {
    waiting: "Connect away",
    busy: "Connect busy",
    registering: "registering",
    starting: "starting, parts up",
    running: "running",
  },
});
