import { declareNode } from "../../lib/declare";
import { deliveryFields, deliverySection } from "../../lib/field-groups";
import { choice, configNode, flag, names, number, text } from "../../lib/fields";
import type { KafkaCluster } from "../../lib/kafka/cluster";

export const declaration = declareNode({
  type: "citystream-kafka-in",
  group: "source",
  label: "kafka in",
  icon: "kafka.svg",
  inputs: 0,
  outputs: ["records"],
  labelFrom: "topics",
  fields: {
    cluster: configNode<KafkaCluster>("citystream-kafka-cluster", { label: "Cluster" }),
    topics: names({
      label: "Topics",
      required: true,
      placeholder: "readings, /Seoul_.*_air/",
      hint: "Names, or patterns between slashes that whole names must match. Topics may appear later.",
    }),
    group: text({
      label: "Consumer group",
      required: true,
      placeholder: "citystream-store",
      hint: "Members of one group share the partitions, and what the group has finished is remembered under this name.",
    }),
    mode: choice({
      label: "A message holds",
      default: "record",
      options: { record: "one record", batch: "many records (batch mode, many times faster)" },
    }),
    batchRecords: number({
      label: "Records a message",
      default: 500,
      min: 1,
      max: 100_000,
      integer: true,
      showIf: { field: "mode", is: ["batch"] },
      hint: "At most so many; what has come is not kept waiting.",
    }),
    valueFormat: choice({
      label: "Value",
      default: "json",
      options: { json: "JSON", text: "text", bytes: "bytes (Buffer, not copied)" },
    }),
    keyFormat: choice({
      label: "Key",
      default: "text",
      options: { text: "text", json: "JSON", bytes: "bytes (Buffer, not copied)" },
    }),
    start: choice({
      label: "Start",
      default: "earliest",
      options: {
        earliest: "at the earliest record",
        latest: "at new records",
        timestamp: "at a time",
        committed: "only where the group has committed",
      },
      hint: "Where a group begins that has committed nothing yet; later it goes on where it was.",
    }),
    startTime: text({
      label: "Time",
      required: true,
      placeholder: "2026-01-31T00:00:00Z",
      showIf: { field: "start", is: ["timestamp"] },
    }),
    sessionTimeout: number({
      label: "Session time-out (s)",
      default: 10,
      min: 1,
      section: "consumer",
      hint: "After a crash the partitions move to other members, or back, in so many seconds.",
    }),
    spanRecords: number({
      label: "Records in flight",
      default: 5000,
      min: 1,
      integer: true,
      section: "consumer",
      hint: "A partition waits when so many of its records, from the oldest unfinished one on, are in the flow.",
    }),
    spanSize: number({ label: "MB in flight", default: 64, min: 1, section: "consumer" }),
    commitInterval: number({
      label: "Commit every (ms)",
      default: 1000,
      min: 10,
      integer: true,
      section: "consumer",
    }),
    commitRecords: number({
      label: "Or after records",
      default: 5000,
      min: 1,
      integer: true,
      section: "consumer",
    }),
    drain: number({
      label: "Drain (s)",
      default: 8,
      min: 0,
      max: 12,
      section: "consumer",
      hint: "On close and when partitions move, how long to wait for what is in the flow before it is left to come again.",
    }),
    readUncommitted: flag({
      label: "Read open transactions",
      default: false,
      section: "consumer",
    }),
    ...deliveryFields(),
    deadLetterTopic: text({
      label: "Dead-letter topic",
      section: "delivery",
      hint: "A topic of the same cluster for records that failed for good, with headers that say why. Empty: files.",
    }),
    deadLetterPatience: number({
      label: "To files after (s)",
      default: 30,
      min: 1,
      section: "delivery",
      hint: "When the dead-letter topic can't be written for so long, files take its place, and are brought to it when it can.",
    }),
  },
  sections: { consumer: "Consumer", ...deliverySection },
  statuses: {
    connecting: "connecting",
    reading: "reading, lag",
    paused: "waiting for flow",
    idle: "no partitions",
    trouble: "kafka",
  },
});
