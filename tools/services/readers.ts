/** Programs that read lake files and know nothing of ours: pyarrow, DuckDB and fastavro, in a Python environment of their own. */
import { pythonWith } from "./python";

/** fastavro needs cramjam for Snappy and backports.zstd for zstd. */
const packages = ["pyarrow==26.0.1", "duckdb==2.0.1", "fastavro==1.13.1", "cramjam==2.14.0", "backports.zstd==1.8.0"];
/** Counts up when the packages change. */
const edition = 1;

/** Path of a Python that has pyarrow, DuckDB and fastavro; fetched once per machine. */
export const readers = (): Promise<string> =>
  pythonWith({
    name: `readers-${edition}`,
    title: "pyarrow, DuckDB and fastavro",
    packages,
    programs: ["python3.11", "python3.12", "python3.13", "python3", "python"],
    fits: "sys.version_info >= (3, 10)",
    versions: "3.10 or newer",
  });
