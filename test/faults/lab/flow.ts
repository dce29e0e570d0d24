/** The flow under test: kafka-in → function → delay → core file node, and this pack's sinks. */
import type { FlowNode } from "../../harness/runtime";

export type Step =
  | { readonly kind: "fixed"; readonly ms: number }
  | { readonly kind: "random"; readonly from: number; readonly to: number }
  | { readonly kind: "rate"; readonly perSecond: number };

export interface FlowSpec {
  readonly brokers: string;
  /** Further settings of the cluster node: the driver. */
  readonly cluster?: Readonly<Record<string, unknown>> | undefined;
  readonly input: string;
  readonly group: string;
  readonly step: Step;
  readonly mode: "record" | "batch";
  /** Records a message in batch mode. */
  readonly batch?: number | undefined;
  /** Further settings of kafka-in, such as its guarantee. */
  readonly source?: Readonly<Record<string, unknown>> | undefined;
  readonly span: number;
  /** In seconds. */
  readonly sessionTimeout: number;
  readonly output?: string | undefined;
  readonly file?: string | undefined;
  readonly lake?: { readonly address: string; readonly user?: string } | undefined;
  /** Of the lake's files; NDJSON when absent. */
  readonly format?: LakeFormat | undefined;
  readonly influx?: { readonly url: string; readonly database: string; readonly measurement: string } | undefined;
  /** Code of the function; `return msg;` when absent. */
  readonly code?: string;
  /** Changes with each redeploy, so that there is something to deploy. */
  readonly version?: number;
}

export type LakeFormat = "ndjson" | "avro" | "parquet";

/** Records that finish between two commits, at most, unless Kafka is slow to answer. */
export const COMMIT_RECORDS = 200;
/** Records that the lake holds until a file is full. */
export const FILE_RECORDS = 500;
const BATCH = 50;

function delayOf(step: Step, version: number): FlowNode {
  const common = { id: "delay", type: "delay", name: `version ${version}` };
  if (step.kind === "fixed")
    return { ...common, pauseType: "delay", timeout: String(step.ms), timeoutUnits: "milliseconds" };
  if (step.kind === "random")
    return {
      ...common,
      pauseType: "random",
      randomFirst: String(step.from),
      randomLast: String(step.to),
      randomUnits: "milliseconds",
    };
  const rate = { pauseType: "rate", rate: String(step.perSecond), nbRateUnits: "1", rateUnits: "second", drop: false };
  return { ...common, ...rate };
}

/** The cluster's node, which is named `cluster`. */
export const clusterNode = (brokers: string, more: Readonly<Record<string, unknown>> = {}): FlowNode => ({
  id: "cluster",
  type: "citystream-kafka-cluster",
  name: "",
  brokers,
  clientId: "under-test",
  sasl: "none",
  ...more,
});

/** One tab with these nodes; those without `z: ""` lie on it. */
export const tabOf = (configuration: readonly FlowNode[], nodes: readonly FlowNode[]): FlowNode[] => [
  { id: "tab", type: "tab", label: "laboratory" },
  ...configuration,
  ...nodes.map((node) => ({ x: 100, y: 100, z: "tab", wires: [], ...node })),
];

/** A kafka-out that writes to an existing topic. */
export const outOf = (topic: string): FlowNode => ({
  id: "out",
  type: "citystream-kafka-out",
  cluster: "cluster",
  topic,
  key: "key",
  keyType: "msg",
  partition: "partition",
  partitionType: "msg",
  create: false,
  wires: [[]],
});

/** @param more nodes beside it on the same tab */
export function flowOf(spec: FlowSpec, more: readonly FlowNode[] = []): FlowNode[] {
  const batch = spec.mode === "batch";
  const { batch: size = BATCH } = spec;
  // In batch mode the rate is of messages.
  const step =
    batch && spec.step.kind === "rate"
      ? { ...spec.step, perSecond: Math.max(1, spec.step.perSecond / size) }
      : spec.step;
  const configuration: FlowNode[] = [clusterNode(spec.brokers, spec.cluster)];
  const sinks: FlowNode[] = [];
  if (spec.output !== undefined) sinks.push(outOf(spec.output));
  if (spec.file !== undefined) {
    const text = batch
      ? "msg.payload.map(({ payload }) => JSON.stringify(payload)).join('\\n')"
      : "JSON.stringify(msg.payload)";
    sinks.push({
      id: "text",
      type: "function",
      func: `msg.payload = ${text}; return msg;`,
      outputs: 1,
      wires: [["file"]],
    });
  }
  if (spec.lake !== undefined) {
    configuration.push({ id: "lake", type: "citystream-lake", name: "", ...spec.lake });
    sinks.push({
      id: "hdfs",
      type: "citystream-hdfs-sink",
      lake: "lake",
      directory: "records",
      format: spec.format ?? "ndjson",
      rotateRecords: FILE_RECORDS,
      rotateAge: 1,
      rotateIdle: 0.5,
      wires: [[]],
    });
  }
  if (spec.influx !== undefined) {
    const { url, database, measurement } = spec.influx;
    configuration.push({
      id: "influx",
      type: "citystream-influx-server",
      name: "",
      version: "1",
      address: url,
      database,
    });
    sinks.push({
      id: "points",
      type: "citystream-influx-sink",
      server: "influx",
      measurement,
      tags: [],
      fields: [
        { from: "payload.n", name: "n", kind: "float" },
        { from: "payload.c", name: "c", kind: "string" },
      ],
      time: "payload.n",
      linger: 20,
      wires: [[]],
    });
  }
  return tabOf(configuration, [
    {
      id: "in",
      type: "citystream-kafka-in",
      cluster: "cluster",
      topics: spec.input,
      group: spec.group,
      mode: spec.mode,
      batchRecords: size,
      spanRecords: spec.span,
      commitInterval: 100,
      commitRecords: COMMIT_RECORDS,
      sessionTimeout: spec.sessionTimeout,
      initialDelay: 10,
      maxDelay: 500,
      ...spec.source,
      wires: [["function"]],
    },
    { id: "function", type: "function", func: spec.code ?? "return msg;", outputs: 1, wires: [["delay"]] },
    { ...delayOf(step, spec.version ?? 0), wires: [sinks.map(({ id }) => id)] },
    ...sinks,
    ...more,
    ...(spec.file === undefined
      ? []
      : [
          {
            id: "file",
            type: "file",
            filename: spec.file,
            filenameType: "str",
            appendNewline: true,
            createDir: false,
            overwriteFile: "false",
            encoding: "none",
          },
        ]),
  ]);
}
