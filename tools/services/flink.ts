/** Apache Flink, which knows nothing of ours, as PyFlink in a Python environment of its own: the judge of windows. */
import { javaHome } from "./programs";
import { pythonWith } from "./python";

const version = "2.2.1";

export interface Flink {
  readonly version: string;
  /** Path of a Python that has PyFlink. */
  readonly python: string;
  /** What PyFlink finds its Java by. */
  readonly env: { readonly JAVA_HOME: string };
}

/** Flink, fetched once per machine: 0.8 GB, so only for those who ask for it. */
export async function flink(): Promise<Flink> {
  const JAVA_HOME = await javaHome("Flink");
  const python = await pythonWith({
    name: `flink-${version}`,
    title: "Flink",
    packages: [`apache-flink==${version}`],
    programs: ["python3.11", "python3.12", "python3.10", "python3.9", "python3", "python"],
    fits: "(3, 9) <= sys.version_info < (3, 13)",
    versions: "3.9 to 3.12",
  });
  return { version, python, env: { JAVA_HOME } };
}
