import { declareNode } from "../../lib/declare";
import { choice, configNode, flag, json, names, number, optionalNumber, text } from "../../lib/fields";
import type { Lake } from "../../lib/lake/lake";

export const declaration = declareNode({
  type: "citystream-hdfs-sink",
  group: "sink",
  label: "hdfs sink",
  icon: "lake.svg",
  inputs: 1,
  outputs: ["stored"],
  labelFrom: "directory",
  fields: {
    lake: configNode<Lake>("citystream-lake", { label: "Lake" }),
    directory: text({
      label: "Directory",
      default: "{{topic}}",
      placeholder: "{{payload.site}}/dt={{payload.day}}",
      hint: "Below the lake, made when the first record comes: {{payload.site}}. A slash in a value is escaped.",
    }),
    format: choice({
      label: "Format",
      default: "ndjson",
      options: { ndjson: "NDJSON", csv: "CSV", avro: "Avro", parquet: "Parquet" },
    }),
    columns: names({
      label: "Columns",
      showIf: { field: "format", is: ["csv"] },
      placeholder: "time, site, pm25",
      hint: "In this order, others are left out. Empty: as they come; a new column begins a new file.",
    }),
    schema: json({
      label: "Schema",
      showIf: { field: "format", is: ["avro", "parquet"] },
      hint: "An Avro schema of a record, for Parquet too. Empty: learned from the records; what does not fit begins a new file.",
    }),
    content: choice({
      label: "Write",
      default: "payload",
      options: { payload: "the payload", record: "payload, key, timestamp, headers, source" },
    }),
    coordinates: flag({ label: "Add _topic, _partition, _offset", default: false }),
    compression: choice({
      label: "Compression",
      default: "none",
      options: { none: "none", gzip: "gzip (.gz)", zstd: "zstd (.zst)", snappy: "Hadoop Snappy (.snappy)" },
      showIf: { field: "format", is: ["ndjson", "csv"] },
    }),
    avroCompression: choice({
      label: "Compression",
      default: "deflate",
      options: { none: "none", deflate: "deflate", snappy: "Snappy", zstd: "zstd" },
      showIf: { field: "format", is: ["avro"] },
    }),
    parquetCompression: choice({
      label: "Compression",
      default: "snappy",
      options: { none: "none", snappy: "Snappy", gzip: "gzip", zstd: "zstd" },
      showIf: { field: "format", is: ["parquet"] },
    }),
    rotateRecords: number({ label: "Records", default: 10_000, min: 1, integer: true, section: "rotation" }),
    rotateSize: number({ label: "Size (MB)", default: 16, min: 0.001, max: 1024, section: "rotation" }),
    rotateAge: number({
      label: "Age (s)",
      default: 60,
      min: 0.1,
      section: "rotation",
      hint: "A record is stored and acknowledged at the latest so long after its file was begun.",
    }),
    rotateIdle: number({
      label: "Idle (s)",
      default: 10,
      min: 0,
      section: "rotation",
      hint: "A file is stored when nothing came for so long. 0: never for that reason.",
    }),
    replication: optionalNumber({
      label: "Replication",
      min: 1,
      max: 512,
      integer: true,
      section: "hdfs",
      hint: "Copies of each block. Empty: as the cluster says.",
    }),
    blockSize: optionalNumber({
      label: "Block size (MB)",
      min: 0.0625,
      section: "hdfs",
      hint: "Empty: as the cluster says.",
    }),
    permission: text({ label: "Permission", placeholder: "644", pattern: "[0-7]{3,4}", section: "hdfs" }),
    once: flag({ label: "Leave out records that are stored already", default: true, section: "limits" }),
    memory: number({
      label: "Memory (MB)",
      default: 64,
      min: 1,
      section: "limits",
      hint: "Records that wait in memory. Beyond it the largest file is stored early, then sources pause.",
    }),
    openFiles: number({ label: "Open files", default: 500, min: 1, integer: true, section: "limits" }),
  },
  sections: { rotation: "When a file is stored", hdfs: "HDFS", limits: "Delivery and limits" },
  statuses: { ready: "ready", writing: "writing", stored: "stored", away: "can't write" },
});
