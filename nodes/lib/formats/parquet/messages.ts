import type { SchemaElement } from "hyparquet";

export type ParquetCodec = "none" | "snappy" | "gzip" | "zstd";

/** What the thread is told. A file is known by its number. */
export type ToThread =
  | { readonly do: "begin"; readonly file: number; readonly schema: SchemaElement[]; readonly codec: ParquetCodec }
  /** One array a column; `size` as in memory, in bytes, roughly. */
  | { readonly do: "rows"; readonly file: number; readonly columns: readonly unknown[][]; readonly size: number }
  | { readonly do: "finish" | "drop"; readonly file: number }
  | { readonly do: "end" };

/** What it answers when a file is finished. */
export type FromThread = { readonly file: number } & ({ readonly bytes: Uint8Array } | { readonly error: string });
