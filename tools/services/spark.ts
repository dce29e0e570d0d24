/** Apache Spark, which knows nothing of ours, as PySpark in a Python environment of its own: it reads lake files. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { jars } from "./maven";
import { javaHome } from "./programs";
import { pythonWith } from "./python";

const version = "4.0.1";

export interface Spark {
  readonly version: string;
  /** Path of a Python that has PySpark. */
  readonly python: string;
  /** What PySpark finds Java, its Avro reader and the loopback address by. */
  readonly env: Readonly<Record<string, string>>;
}

/** Spark with its Avro reader, fetched once per machine: 0.5 GB, so only for those who ask for it. */
export async function spark(): Promise<Spark> {
  const JAVA_HOME = await javaHome("Spark");
  const folder = await jars({
    name: "spark-avro",
    version,
    artifacts: [`org.apache.spark:spark-avro_2.13:${version}`],
  });
  const avro = (await readdir(folder)).map((jar) => join(folder, jar)).join(",");
  const python = await pythonWith({
    name: `spark-${version}`,
    title: "Spark",
    packages: [`pyspark==${version}`],
    programs: ["python3.11", "python3.12", "python3.10", "python3.9", "python3", "python"],
    fits: "(3, 9) <= sys.version_info < (3, 14)",
    versions: "3.9 to 3.13",
  });
  const PYSPARK_SUBMIT_ARGS = `--jars ${avro} pyspark-shell`;
  return { version, python, env: { JAVA_HOME, PYSPARK_SUBMIT_ARGS, SPARK_LOCAL_IP: "127.0.0.1" } };
}
