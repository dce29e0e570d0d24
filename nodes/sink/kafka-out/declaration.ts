import { declareNode } from "../../lib/declare";
import { choice, configNode, flag, json, number, optionalNumber, text, typedValue } from "../../lib/fields";
import type { KafkaCluster } from "../../lib/kafka/cluster";
import type { SchemaRegistry } from "../../lib/registry/registry";

const registered = { field: "format", is: ["registry"] };

export const declaration = declareNode({
  type: "citystream-kafka-out",
  group: "sink",
  label: "kafka out",
  icon: "kafka.svg",
  inputs: 1,
  outputs: ["stored"],
  labelFrom: "topic",
  fields: {
    cluster: configNode<KafkaCluster>("citystream-kafka-cluster", { label: "Cluster" }),
    topic: text({
      label: "Topic",
      looksLike: "template",
      placeholder: "msg.topic",
      hint: "A name, or a template such as {{payload.site}}_{{payload.index}}_{{payload.type}}. Empty: msg.topic.",
    }),
    key: typedValue({ label: "Key", default: "key", defaultType: "msg", types: ["msg", "str"] }),
    format: choice({
      label: "Value",
      default: "auto",
      options: {
        auto: "text and bytes as they are, else JSON",
        json: "always JSON",
        registry: "by a schema of a registry (Avro, JSON)",
      },
    }),
    registry: configNode<SchemaRegistry>("citystream-schema-registry", {
      label: "Schema registry",
      showIf: registered,
    }),
    subject: text({
      label: "Subject",
      looksLike: "template",
      placeholder: "{{topic}}-value",
      showIf: registered,
      hint: "The name of the schema in the registry, or a template. Empty: the topic's name and -value, as other producers have it.",
    }),
    schemaFrom: choice({
      label: "Schema",
      default: "latest",
      options: { latest: "the subject's latest version", avro: "this one, in Avro", json: "this one, in JSON Schema" },
      showIf: registered,
    }),
    schema: json({ label: "Its text", required: true, showIf: { field: "schemaFrom", is: ["avro", "json"] } }),
    register: flag({
      label: "Register it when missing",
      default: true,
      showIf: { field: "schemaFrom", is: ["avro", "json"] },
    }),
    create: flag({ label: "Create missing topics", default: true, section: "topics" }),
    partitions: number({
      label: "Partitions",
      default: 1,
      min: 1,
      integer: true,
      section: "topics",
      showIf: { field: "create", is: [true] },
    }),
    replication: number({
      label: "Replication",
      default: 1,
      min: 1,
      integer: true,
      section: "topics",
      showIf: { field: "create", is: [true] },
      hint: "Copies of each partition, on as many brokers.",
    }),
    retention: optionalNumber({
      label: "Retention (hours)",
      min: -1,
      section: "topics",
      showIf: { field: "create", is: [true] },
      hint: "How long new topics keep records, by their timestamps. -1: for ever. Empty: the broker's default, mostly 7 days.",
    }),
    partition: typedValue({
      label: "Partition",
      default: "partition",
      defaultType: "msg",
      types: ["msg", "num"],
      section: "producer",
      hint: "When there is none: by the key's hash, or spread when there is no key either.",
    }),
    acks: choice({
      label: "Acknowledged by",
      default: "all",
      options: {
        all: "all in-sync replicas, idempotent",
        leader: "the leader only",
        none: "nobody (records may be lost)",
      },
      section: "producer",
    }),
    compression: choice({
      label: "Compression",
      default: "none",
      options: { none: "none", lz4: "lz4", snappy: "snappy", zstd: "zstd", gzip: "gzip" },
      section: "producer",
      hint: "lz4 and snappy are quick, gzip packs most; zstd needs Node.js 22.15 to pack well. kafka in reads all of them.",
    }),
    linger: number({
      label: "Linger (ms)",
      default: 5,
      min: 0,
      integer: true,
      section: "producer",
      hint: "How long a batch waits for more records.",
    }),
    batchSize: number({
      label: "Batch size (KB)",
      default: 512,
      min: 1,
      section: "producer",
      hint: "A batch of so many bytes is sent at once. Keep it below the topic's max.message.bytes, 1 MB by default.",
    }),
    buffer: number({
      label: "Buffer (MB)",
      default: 64,
      min: 1,
      section: "producer",
      hint: "Bytes that may wait for Kafka. When it is full nothing is dropped: messages wait, and tracked sources pause.",
    }),
    spool: flag({
      label: "Disk spool",
      default: false,
      section: "spool",
      hint: "For sources that can't wait, such as inject and http in. While Kafka is away or slow, records go to disk in order; a message is done when its record is durable there.",
    }),
    spoolSize: number({
      label: "At most (MB)",
      default: 1024,
      min: 1,
      section: "spool",
      showIf: { field: "spool", is: [true] },
      hint: "When so much lies on disk, messages wait, and tracked sources pause.",
    }),
    spoolFolder: text({
      label: "Folder",
      section: "spool",
      showIf: { field: "spool", is: [true] },
      hint: "In it each node has a folder of its own. Empty: citystream/spool in the user directory.",
    }),
  },
  sections: { topics: "New topics", producer: "Producer", spool: "Disk spool" },
  statuses: {
    ready: "ready",
    stored: "records stored",
    away: "kafka away",
    schemas: "no schema",
    spooled: "records spooled",
    disk: "disk refuses",
  },
});
