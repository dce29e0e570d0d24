/** Places where records arrive beside Kafka, read as any program would read them. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import path from "node:path";
import { readers } from "../../../tools/services";
import { printed } from "../../lib/lake/read-back";
import type { LakeFormat } from "./flow";
import { Tally } from "./numbers";

export interface Place {
  readonly name: string;
  readonly tally: Tally;
  /** Counts what has come since the last look. */
  look(): Promise<void>;
}

export interface FilePlace extends Place {
  /** Pieces of lines that a killed writer left. */
  readonly torn: number;
  /**
   * The writer was killed, and what the file ends with has been looked at: a line without its end is all that came of it
   * (Linux ends a write between two pages when its process is killed). What the next writer appends begins a line of its own.
   */
  writerKilled(): void;
}

/** A file of lines that only grows. */
export function filePlace(seed: string, file: string, name = "file"): FilePlace {
  const tally = new Tally(seed);
  let at = 0;
  let rest = Buffer.alloc(0);
  let torn = 0;
  return {
    get torn() {
      return torn;
    },
    writerKilled() {
      if (rest.length === 0) return;
      // Only the end of the line may be what is missing.
      if (isWhole(rest)) tally.see(String(rest));
      else torn++;
      rest = Buffer.alloc(0);
    },
    name,
    tally,
    look() {
      if (!existsSync(file)) return Promise.resolve();
      const opened = openSync(file, "r");
      const chunk = Buffer.alloc(1 << 20);
      try {
        for (;;) {
          const length = readSync(opened, chunk, 0, chunk.length, at);
          if (length === 0) break;
          at += length;
          const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
          const end = bytes.lastIndexOf(10) + 1;
          rest = Buffer.from(bytes.subarray(end));
          for (const line of bytes.toString("utf8", 0, end).split("\n")) if (line !== "") tally.see(line);
        }
      } finally {
        closeSync(opened);
      }
      return Promise.resolve();
    },
  };
}

const isWhole = (line: Buffer): boolean => {
  try {
    JSON.parse(String(line));
    return true;
  } catch {
    return false;
  }
};

/** The values in files of a lake: lines read here, Avro by fastavro, Parquet by pyarrow. */
export async function valuesIn(files: readonly string[], format: LakeFormat): Promise<unknown[]> {
  if (format === "ndjson")
    return files.flatMap((file) => readFileSync(file, "utf8").split("\n")).filter((line) => line !== "");
  const python = await readers();
  const reader = format === "avro" ? "fastavro" : "pyarrow";
  return (JSON.parse(await printed(python, reader, files)) as unknown[][]).flat();
}

/** Readers of lakes pass over names that begin so. */
export const isHidden = (name: string): boolean => /^[._]/u.test(name);

/** A folder of a lake's files. As readers of lakes do, it passes over names that begin with a dot or an underscore. */
export function folderPlace(seed: string, folder: string, format: LakeFormat = "ndjson", name = "lake"): Place {
  const tally = new Tally(seed);
  const seen = new Set<string>();
  return {
    name,
    tally,
    async look() {
      if (!existsSync(folder)) return;
      const fresh: string[] = [];
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const file = path.join(entry.parentPath, entry.name);
        const hidden = path.relative(folder, file).split(path.sep).some(isHidden);
        if (!entry.isFile() || hidden || seen.has(file)) continue;
        seen.add(file);
        fresh.push(file);
      }
      if (fresh.length > 0) for (const value of await valuesIn(fresh, format)) tally.see(value);
    },
  };
}

export interface InfluxPlace extends Place {
  drop(): Promise<void>;
}

/** A measurement of an InfluxDB 1.x. A point that is written again replaces itself, so nothing is repeated here. */
export function influxPlace(seed: string, at: { url: string; database: string }, measurement: string): InfluxPlace {
  const ask = async (query: string): Promise<string> => {
    const answer = await fetch(`${at.url}/query?db=${at.database}`, {
      method: "POST",
      headers: { accept: "application/csv" },
      body: new URLSearchParams({ q: query }),
    });
    if (!answer.ok) throw new Error(`InfluxDB answered ${answer.status} to ${query}: ${await answer.text()}`);
    return answer.text();
  };
  const place = {
    name: "influx",
    tally: new Tally(seed),
    async look() {
      place.tally = new Tally(seed);
      const [, ...lines] = (await ask(`SELECT n, c FROM "${measurement}"`)).trim().split("\n");
      for (const line of lines) {
        const [, , , n, c] = line.split(",");
        place.tally.see({ n: n === undefined || n === "" ? undefined : Number(n), c });
      }
    },
    async drop() {
      await ask(`DROP MEASUREMENT "${measurement}"`);
    },
  };
  return place;
}
