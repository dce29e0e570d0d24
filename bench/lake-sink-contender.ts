/** The flow of bench/lake-sink.ts, kafka-in → hdfs-sink, in a process of its own; its parent says when to measure. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { startRuntime } from "../test/harness/runtime";
import { avroSchema, ROTATION } from "./lake-sink-data";

const [brokers = "", topic = "", group = "", folder = "", valueFormat = "", format = ""] = process.argv.slice(2);
const place = { z: "tab", x: 100, y: 100 };

const main = async (): Promise<void> => {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const runtime = await startRuntime();
  process.on("message", (message) => {
    if (message === "begin") delay.enable();
    else {
      process.send?.(delay.percentile(99) / 1e6);
      void runtime.stop().then(() => process.exit(0));
    }
  });
  await runtime.deploy([
    { id: "tab", type: "tab", label: "bench" },
    { id: "cluster", type: "citystream-kafka-cluster", brokers, clientId: "bench", sasl: "none" },
    { id: "lake", type: "citystream-lake", address: `file://${folder}`, user: "", timeout: 60 },
    {
      ...place,
      id: "in",
      type: "citystream-kafka-in",
      cluster: "cluster",
      topics: topic,
      group,
      mode: "batch",
      valueFormat,
      keyFormat: "bytes",
      start: "earliest",
      wires: [["sink"]],
    },
    {
      ...place,
      id: "sink",
      type: "citystream-hdfs-sink",
      lake: "lake",
      directory: "readings",
      format,
      ...(format === "parquet" && { schema: JSON.stringify(avroSchema), parquetCompression: "snappy" }),
      once: true,
      rotateRecords: ROTATION,
      rotateSize: 64,
      // Files are whole but for those that were stored early for want of room: what is left of these waits so long.
      rotateIdle: 0.5,
      wires: [[]],
    },
  ]);
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
