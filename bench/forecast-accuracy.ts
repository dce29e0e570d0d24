/**
 * Errors of the shipped forecast beside those of persistence, ridge, LightGBM and a Keras LSTM on the same windows.
 * How to run it: docs/forecast-accuracy.md.
 *
 *   node dist/bench/forecast-accuracy.js export|ours|table [--data <readings>] [--folder <cache>/accuracy/data] [--cases all,…] [--test]
 *
 * `export` writes the windows for bench/forecast-accuracy.py, `ours` the forecasts of the shipped model and of models fitted
 * as it is without one of the stations, `table` the errors as Markdown: on the validation part, or on the test part with
 * `--test`. Only `table --test` looks at the truth of the test part.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fit } from "../nodes/lib/forecast/fit";
import type { ForecastMetadata } from "../nodes/lib/forecast/metadata";
import { readModel, type Model } from "../nodes/lib/forecast/model-file";
import { errorsOf, partsOf, samplesOf, type ScoredSamples } from "../nodes/lib/forecast/parts";
import { modelAnswer, type Row } from "../nodes/lib/forecast/scores";
import { namesOf, type Series } from "../nodes/lib/forecast/series";
import { table } from "../tools/train/card";
import { readStations } from "../tools/train/readings";
import { log, SHARES, shippedWork, TEMPLATE, UTC_OFFSET, value } from "../tools/train/shipped";

const ROOT = resolve(__dirname, "../..");
const CACHE = process.env["CITYSTREAM_CACHE"] ?? join(homedir(), ".cache/citystream");
const PARTS = ["training", "validation", "test"] as const;
const OURS = "this model";
const CONTENDERS = {
  persistence: "",
  ridge: "ridge on the window",
  "lightgbm-direct": "LightGBM, direct",
  "lightgbm-delta": "LightGBM, delta",
  "keras-lstm": "Keras LSTM",
  ours: OURS,
};

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string", default: join(ROOT, "flows/data") },
    folder: { type: "string", default: join(CACHE, "accuracy/data") },
    cases: { type: "string" },
    test: { type: "boolean", default: false },
  },
});

const features = TEMPLATE.features.map(({ name }) => name);
const stations = readStations(given.data, features, TEMPLATE.fill, UTC_OFFSET);
const names = namesOf(stations);
const parts = partsOf(stations, TEMPLATE.stepLength, SHARES);
const outputs = TEMPLATE.outputs.length;

const bytes = (values: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function write(name: string, content: string | Uint8Array): void {
  const file = join(given.folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/**
 * What the others read of the same readings. The model's own inputs have logarithms of NO2, CO and RAIN in place of, or beside, the
 * values: the same to trees, and no better for ridge (19.04, 53.82, 76.60 beside 19.04, 53.89, 76.52 on the validation part).
 */
const OTHERS: ForecastMetadata = {
  ...TEMPLATE,
  inputs: [
    ...["PM2.5", "PM10", "NO2", "CO", "PRES", "WSPM", "RAIN"].map(value),
    ...["PM2.5", "PM10"].map(log),
    ...TEMPLATE.inputs.filter(({ as }) => as !== "value" && as !== "log"),
  ],
};

/** The windows with inputs as they are before scaling: every case scales by its own training part. */
function exportWindows(): void {
  const { steps, inputs } = OTHERS;
  const clock = inputs.flatMap(({ as }, i) => (as === "sine" || as === "cosine" ? [i] : []));
  write("windows.json", JSON.stringify({ steps, inputs: inputs.length, outputs, stations: names, clock }));
  for (const part of PARTS) {
    const { series, starts, last, station, truth } = samplesOf(stations, parts[part], OTHERS);
    write("series.f32", bytes(series));
    write(`${part}.starts.i32`, bytes(starts));
    write(`${part}.last.f32`, bytes(last));
    write(`${part}.station.i32`, bytes(station));
    if (part !== "test") write(`${part}.truth.f32`, bytes(truth));
    console.log(`${part}: ${starts.length} windows`);
  }
}

/** Forecasts of a model for all windows of the validation and the test part. */
function forecast(name: string, model: Model): void {
  for (const part of ["validation", "test"] as const) {
    const samples = samplesOf(stations, parts[part], model.metadata);
    const answer = modelAnswer(model, samples);
    const values = Float32Array.from({ length: samples.starts.length * outputs }, (_, index) => answer(index));
    write(`forecasts/${name}/ours.${part}.f32`, bytes(values));
  }
}

const asked = (name: string): boolean => given.cases === undefined || given.cases.split(",").includes(name);

function ours(): void {
  if (asked("all")) forecast("all", readModel(join(ROOT, "models/beijing-air")));
  for (const name of names) {
    if (!asked(`without-${name}`)) continue;
    if (existsSync(join(given.folder, `forecasts/without-${name}/ours.test.f32`))) continue;
    const others = stations.filter((station: Series) => station.name !== name);
    const { model } = fit(shippedWork(others, false), {
      told: (progress) => console.log(name, JSON.stringify(progress)),
    });
    forecast(`without-${name}`, model);
  }
}

type Read = (contender: string, station: number) => Float32Array | undefined;

/** Errors of everyone whose forecasts are there; `read` says which file holds a station's forecasts. */
function rows(samples: ScoredSamples, read: Read, station?: number): Row[] {
  return Object.entries(CONTENDERS).flatMap(([contender, title]): Row[] => {
    if (!title) return [[contender, errorsOf(samples, outputs, (index) => samples.last[index] as number, station)]];
    const by = names.map((_, s) => read(contender, s));
    if (by.some((values) => values?.length !== samples.last.length)) return [];
    const at = (index: number): number => samples.station[Math.floor(index / outputs)] as number;
    return [[title, errorsOf(samples, outputs, (index) => by[at(index)]?.[index] as number, station)]];
  });
}

/** The least of every column in bold, and in how many columns this model is it. */
function marked(title: string, kind: "rmse" | "mae", all: readonly Row[]): string {
  const least = Array.from({ length: outputs }, (_, o) => Math.min(...all.map(([, errors]) => errors[o]?.[kind] ?? 0)));
  const best = all.find(([who]) => who === OURS)?.[1].filter((errors, o) => errors[kind] === least[o]).length ?? 0;
  return `${table(title, kind, all)}\n\nThis model is the least in ${best} of ${outputs} columns.`;
}

function tables(): void {
  const part = given.test ? "test" : "validation";
  const samples = samplesOf(stations, parts[part], TEMPLATE);
  const read = (name: string, contender: string): Float32Array | undefined => {
    const file = join(given.folder, `forecasts/${name}/${contender}.${part}.f32`);
    if (!existsSync(file)) return undefined;
    const content = readFileSync(file);
    return new Float32Array(content.buffer.slice(content.byteOffset, content.byteOffset + content.length));
  };
  const trained: Read = (contender) => read("all", contender);
  const leftOut: Read = (contender, station) => read(`without-${names[station]}`, contender);
  for (const kind of ["rmse", "mae"] as const) {
    const title = `${part} ${kind.toUpperCase()}, µg/m³`;
    console.log(`${marked(`${title}, three stations`, kind, rows(samples, trained))}\n`);
    console.log(`${marked(`${title}, station not trained on`, kind, rows(samples, leftOut))}\n`);
  }
  for (const kind of ["rmse", "mae"] as const) {
    for (const [s, name] of names.entries()) {
      console.log(`${marked(`${part} ${kind.toUpperCase()}, ${name}`, kind, rows(samples, trained, s))}\n`);
      console.log(`${marked(`the same, not trained on`, kind, rows(samples, leftOut, s))}\n`);
    }
  }
}

const command = new Map([
  ["export", exportWindows],
  ["ours", ours],
  ["table", tables],
]).get(positionals[0] ?? "");
if (!command) throw new Error("Say export, ours or table.");
command();
