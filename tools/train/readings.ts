import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { compassDegrees, fillGaps } from "../../nodes/lib/forecast/inputs";
import type { Series } from "../../nodes/lib/forecast/series";

const HOUR = 3_600_000;

/**
 * Reads the stations' CSV files (`PRSA_Data_*.csv`, or gzipped) of a folder.
 * @param features columns to read; `wd` becomes degrees
 * @param utcOffset minutes from UTC to the files' local time
 * @throws when the folder has none, or an hour is missing
 */
export function readStations(folder: string, features: readonly string[], fill: number, utcOffset: number): Series[] {
  const files = readdirSync(folder).filter((name) => /\.csv(\.gz)?$/.test(name));
  if (!files.length) throw new Error(`No .csv file in ${folder}: give the folder of the readings with --data.`);
  return files.sort().map((file) => {
    const bytes = readFileSync(join(folder, file));
    return readStation((file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"), file, {
      features,
      fill,
      utcOffset,
    });
  });
}

function readStation(
  csv: string,
  file: string,
  options: { features: readonly string[]; fill: number; utcOffset: number },
): Series {
  const { features, fill, utcOffset } = options;
  const cells = (line: string): string[] => line.split(",").map((cell) => cell.replace(/^"|"$/g, ""));
  const [head = "", ...lines] = csv.trim().split(/\r?\n/);
  const header = cells(head);
  const column = (name: string): number => {
    const index = header.indexOf(name);
    if (index < 0) throw new Error(`${file} has no column "${name}".`);
    return index;
  };
  const calendar = ["year", "month", "day", "hour"].map(column);
  const columns = features.map(column);
  const truth = new Float32Array(lines.length * features.length);
  let start = 0;
  let name = "";
  for (const [r, line] of lines.entries()) {
    const row = cells(line);
    const [year = 0, month = 0, day = 0, hour = 0] = calendar.map((i) => Number(row[i]));
    const time = Date.UTC(year, month - 1, day, hour) - utcOffset * 60_000;
    if (r === 0) {
      start = time;
      name = row[column("station")] ?? file;
    } else if (time !== start + r * HOUR)
      throw new Error(`${file}: line ${r + 2} is not one hour after the line before.`);
    for (const [f, i] of columns.entries()) {
      const cell = row[i] ?? "NA";
      const value = features[f] === "wd" ? compassDegrees(cell) : cell === "NA" ? undefined : Number(cell);
      truth[r * features.length + f] = value ?? Number.NaN;
    }
  }
  const rows = truth.slice();
  fillGaps(rows, features.length, fill);
  return { name, rows, truth, count: lines.length, start };
}
