/** What the name of a data file says about its content. */
import type { PackingName } from "../compression/unpacked";

export type LakeFormat = "csv" | "ndjson" | "avro" | "parquet";

export interface Content {
  readonly format: LakeFormat;
  /** How all of the file is compressed; Avro and Parquet are so inside. */
  readonly packing: PackingName;
}

const NAMES = /\.(?:(?<text>csv|tsv|txt|ndjson|jsonl)(?:\.(?<packing>gz|zst|zstd|snappy))?|(?<binary>avro|parquet))$/iu;
const PACKING = /\.(?<packing>gz|zst|zstd|snappy)$/iu;
const packings: Readonly<Record<string, PackingName>> = { gz: "gzip", zst: "zstd", zstd: "zstd", snappy: "snappy" };

/** For people. */
export const READABLE = ".csv, .tsv, .txt, .ndjson, .jsonl, also with .gz, .zst or .snappy, .avro, .parquet";

/**
 * @param format that all files have whatever their names say
 * @returns undefined when the name says nothing that can be read
 */
export function contentOf(name: string, format?: LakeFormat): Content | undefined {
  const packed = packings[PACKING.exec(name)?.groups?.["packing"]?.toLowerCase() ?? ""] ?? "none";
  if (format) return { format, packing: format === "csv" || format === "ndjson" ? packed : "none" };
  const found = NAMES.exec(name)?.groups;
  if (!found) return undefined;
  const binary = found["binary"]?.toLowerCase();
  if (binary === "avro" || binary === "parquet") return { format: binary, packing: "none" };
  return { format: /^(?:ndjson|jsonl)$/iu.test(found["text"] ?? "") ? "ndjson" : "csv", packing: packed };
}

/** Tab where the name says so and nothing else was chosen. */
export const separatorOf = (name: string, chosen: string): string =>
  chosen === "," && /\.tsv(?:\.[a-z]+)?$/iu.test(name) ? "\t" : chosen;
