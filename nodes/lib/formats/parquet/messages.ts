import type { SchemaElement } from "hyparquet";
import type { PlainPart } from "./plain";

export type ParquetCodec = "none" | "snappy" | "gzip" | "zstd";

/** Values of a column: as objects where it is nested or of a rare type. */
export type ColumnPart = PlainPart | readonly unknown[];

export interface Rows {
  /** In the schema's order. */
  readonly columns: readonly ColumnPart[];
  readonly count: number;
  /** As in memory, in bytes, roughly. */
  readonly size: number;
}

/** What the thread is told. A file is known by its number. */
export type ToThread =
  | { readonly do: "begin"; readonly file: number; readonly schema: SchemaElement[]; readonly codec: ParquetCodec }
  | ({ readonly do: "rows"; readonly file: number } & Rows)
  | { readonly do: "finish" | "drop"; readonly file: number }
  | { readonly do: "use"; readonly buffer: ArrayBuffer }
  | { readonly do: "end" };

/** What it answers when a file is finished; and memory of columns that it has written, to be used again. */
export type FromThread =
  | ({ readonly file: number } & ({ readonly bytes: Uint8Array<ArrayBuffer> } | { readonly error: string }))
  | { readonly used: readonly ArrayBuffer[] };
