/** The readings that the main flow replays, read and forecast without the code under test. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { readModel } from "../../nodes/lib/forecast/model-file";
import { ROOT } from "../../tools/editor/nodes";
import { referenceOutput } from "../lib/forecast/reference";

const STATIONS = { Aotizhongxin: 1, Dongsi: 2, Wanshouxigong: 3 } as const;
const NUMBERS = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN", "WSPM"] as const;
const COMPASS = "N NNE NE ENE E ESE SE SSE S SSW SW WSW W WNW NW NNW".split(" ");
const HOUR = 3_600_000;

/** One reading as the station publishes it; null where the data set has none. */
export interface Reading {
  readonly site: string;
  readonly index: number;
  readonly type: string;
  /** ISO 8601, UTC */
  readonly time: string;
  readonly wd: number | null;
  readonly [quantity: string]: string | number | null;
}

/** Copies the first hours of every station into a folder as the flow reads them, and answers what it must deliver. */
export function cutReadings(folder: string, hours: number): Reading[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(STATIONS).flatMap(([site, index]) => {
    const file = `${site}.csv.gz`;
    const lines = gunzipSync(readFileSync(path.join(ROOT, "flows/data", file))).toString("utf8").trim().split(/\r?\n/u);
    const cut = lines.slice(0, hours + 1);
    writeFileSync(path.join(folder, file), gzipSync(`${cut.join("\n")}\n`));
    const [header = [], ...rows] = cut.map((line) => line.split(",").map((cell) => cell.replaceAll('"', "")));
    return rows.map((row) => {
      const cell = (name: string): string => row[header.indexOf(name)] ?? "";
      const amount = (name: string): number | null => (cell(name) === "NA" ? null : Number(cell(name)));
      const [year, month, day, hour] = ["year", "month", "day", "hour"].map((name) => Number(cell(name))) as [number, number, number, number];
      const direction = COMPASS.indexOf(cell("wd"));
      return {
        site,
        index,
        type: "air",
        time: new Date(Date.UTC(year, month - 1, day, hour - 8)).toISOString(),
        ...Object.fromEntries(NUMBERS.map((name) => [name, amount(name)])),
        wd: direction < 0 ? null : direction * 22.5,
      };
    });
  });
}

/** A forecast by its model's own description, in double precision: `{ "PM2.5_1h": …, … }`; undefined where a gap is too long. */
export function referenceForecast(window: readonly Reading[]): Record<string, number> | undefined {
  const { metadata, architecture, weights } = readModel(path.join(ROOT, "models/beijing-air"));
  const filled = window.map((reading) => ({ ...reading })) as Record<string, number | string | null>[];
  for (const { name } of metadata.features) {
    let age = 0;
    filled.forEach((row, at) => {
      if (row[name] !== null) age = 0;
      else if (at > 0 && (age += 1) <= metadata.fill) row[name] = filled[at - 1]?.[name] ?? null;
    });
    if (filled.some((row) => row[name] === null)) return undefined;
  }
  const inputs = filled.flatMap((row) => {
    const of = (name = ""): number => row[name] as number;
    const local = Date.parse(row["time"] as string) + metadata.utcOffset * 60_000;
    return metadata.inputs.map((rule) => {
      const [a, b] = rule.of ?? [];
      const turn = (2 * Math.PI * local) / { day: 24 * HOUR, week: 168 * HOUR, year: 365.2425 * 24 * HOUR }[rule.period ?? "day"];
      const vapour = (t: number): number => Math.exp((17.625 * t) / (243.04 + t));
      const radians = (of(b) * Math.PI) / 180;
      const value = {
        value: () => of(a),
        log: () => Math.log(1 + Math.max(0, of(a))),
        east: () => of(a) * Math.sin(radians),
        north: () => of(a) * Math.cos(radians),
        humidity: () => (100 * vapour(of(b))) / vapour(of(a)),
        sine: () => Math.sin(turn),
        cosine: () => Math.cos(turn),
      }[rule.as]();
      return (value - rule.offset) / rule.scale;
    });
  });
  const answers = referenceOutput(architecture, weights, inputs);
  const last = filled.at(-1) ?? {};
  return Object.fromEntries(
    metadata.outputs.map(({ target, horizon, change, offset, scale, min }, at) => {
      const value = offset + scale * (answers[at] ?? Number.NaN) + (change ? (last[target] as number) : 0);
      return [`${target}_${horizon}h`, Math.max(min ?? -Infinity, value)];
    }),
  );
}
