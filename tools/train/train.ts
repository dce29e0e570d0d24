/**
 * `npm run train`: trains the shipped model with the pack's own engine and writes it with its scores.
 *
 *   npm run train -- [--data <folder of CSV files>] [--out models/beijing-air] [--validate]
 *
 * `--validate` stops before the test part is read, and writes a model without scores if `--out` is given: for choosing.
 * The folder may also be given by CITYSTREAM_READINGS; by default it is that of the main flow's readings.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Tensor } from "../../nodes/lib/forecast/architecture";
import type { ForecastMetadata } from "../../nodes/lib/forecast/metadata";
import { writeModel, type Model } from "../../nodes/lib/forecast/model-file";
import { initialWeights } from "../../nodes/lib/forecast/random";
import { openRunner } from "../../nodes/lib/forecast/runner";
import { trainInWorker } from "../../nodes/lib/forecast/train-in-worker";
import { table, updateCard, type Errors, type Row } from "./card";
import { errorsOf, partsOf, samplesOf, scaled, type Part, type ScoredSamples } from "./parts";
import { readStations, type Station } from "./readings";
import { applyLinear, ridge, type Linear } from "./ridge";
import { ensemble, memberArchitecture, OPTIONS, PENALTIES, SEEDS, TEMPLATE, UTC_OFFSET } from "./shipped";

const ROOT = resolve(__dirname, "../../..");

const { values: given } = parseArgs({
  options: { data: { type: "string" }, out: { type: "string" }, validate: { type: "boolean", default: false } },
});

async function main(): Promise<void> {
  const folder = given.data ?? process.env["CITYSTREAM_READINGS"] ?? join(ROOT, "flows/data");
  const names = TEMPLATE.features.map((feature) => feature.name);
  const stations = readStations(folder, names, TEMPLATE.fill, UTC_OFFSET);
  const parts = partsOf(stations[0]?.hours ?? 0);
  const metadata: ForecastMetadata = {
    ...TEMPLATE,
    features: rangesOf(stations, parts.training),
    ...scaled(TEMPLATE, stations, parts.training),
  };
  const training = samplesOf(stations, parts.training, metadata);
  const validation = samplesOf(stations, parts.validation, metadata);
  console.log(`${training.starts.length} windows to train, ${validation.starts.length} to choose`);

  const lines = ridge(training, metadata.steps * metadata.inputs.length, metadata.inputs.length, 6, PENALTIES);
  const scores = lines.map((line) => overall(metadata, linearErrors(metadata, line, validation)));
  const line = lines[scores.indexOf(Math.min(...scores))] as Linear;
  console.log(
    `ridge: penalty ${PENALTIES[lines.indexOf(line)]}, ${overall(metadata, linearErrors(metadata, line, validation)).toFixed(4)}`,
  );

  const members: ReadonlyMap<string, Tensor>[] = [];
  for (const seed of SEEDS) {
    members.push(await member(metadata, line, training, validation, seed));
    const whole = modelOf(metadata, members);
    console.log(`${members.length} networks: ${overall(metadata, modelErrors(whole, validation)).toFixed(4)}`);
  }
  const model = modelOf(metadata, members);
  console.log(table("validation RMSE", "rmse", rowsOf(model, line, validation)));
  if (given.validate) {
    if (given.out) await writeModel(resolve(given.out), model);
    return;
  }

  const test = samplesOf(stations, parts.test, metadata);
  const rows = rowsOf(model, line, test);
  const tables = [
    table("test RMSE, µg/m³", "rmse", rows),
    table("test MAE, µg/m³", "mae", rows),
    ...stations.map(({ name }, s) => table(`test RMSE, ${name}`, "rmse", rowsOf(model, line, test, s))),
  ];
  console.log(tables.join("\n\n"));
  const [persistence = [], linear = [], own = []] = rows.map(([, errors]) => errors);
  const finished: Model = {
    ...model,
    metadata: {
      ...metadata,
      training: {
        data: "Beijing Multi-Site Air Quality (Song Xi Chen), UCI Machine Learning Repository #501, DOI 10.24432/C5RK5G",
        licence: "CC BY 4.0",
        stations: stations.map(({ name }) => name),
        from: dateOf(stations, 0),
        trainedTo: dateOf(stations, parts.training.to - 1),
        chosenTo: dateOf(stations, parts.validation.to - 1),
        testedTo: dateOf(stations, parts.test.to - 1),
        windows: { training: training.starts.length, validation: validation.starts.length, test: test.starts.length },
        seeds: SEEDS,
        ...OPTIONS,
      },
      scores: metadata.outputs.map(({ target, horizon }, o) => ({
        target,
        horizon,
        ...rounded(own[o] as Errors),
        persistence: rounded(persistence[o] as Errors),
        ridge: rounded(linear[o] as Errors),
      })),
    },
  };
  const out = resolve(given.out ?? join(ROOT, "models/beijing-air"));
  await writeModel(out, finished);
  updateCard(join(out, "../README.md"), tables);
  console.log(`written: ${out}`);
}

/** Trains one network from the ridge's solution and small random weights beside it. */
async function member(
  metadata: ForecastMetadata,
  line: Linear,
  training: ScoredSamples,
  validation: ScoredSamples,
  seed: number,
): Promise<ReadonlyMap<string, Tensor>> {
  const outputs = metadata.outputs.length;
  const architecture = memberArchitecture(metadata.steps, metadata.inputs.length, outputs);
  const start = initialWeights(architecture, seed);
  const kernel = start.get("line/kernel") as Tensor;
  const bias = start.get("line/bias") as Tensor;
  for (const [o, weights] of line.entries()) {
    const constant = weights.length - 1;
    for (let i = 0; i < constant; i++) kernel.values[i * outputs + o] = weights[i] as number;
    bias.values[o] = weights[constant] as number;
  }
  const rest = start.get("rest/kernel") as Tensor;
  start.set("rest/kernel", { shape: rest.shape, values: rest.values.map((v) => v * 0.1) });
  const options = { ...OPTIONS, seed };
  const { weights } = await trainInWorker({ architecture, start, training, validation, options }, (epoch) => {
    const best = epoch.best ? " *" : "";
    console.log(
      `seed ${seed} epoch ${epoch.epoch}: ${epoch.loss.toFixed(4)} ${epoch.validation.toFixed(4)}${best} ${epoch.seconds.toFixed(1)} s`,
    );
  });
  return weights;
}

function modelOf(metadata: ForecastMetadata, members: readonly ReadonlyMap<string, Tensor>[]): Model {
  return { metadata, ...ensemble(members, metadata.steps, metadata.inputs.length, metadata.outputs.length) };
}

type Answer = (index: number) => number;

/** The network's answer as a value of the target. */
function valued(metadata: ForecastMetadata, samples: ScoredSamples, answers: Float32Array): Answer {
  const { outputs } = metadata;
  return (index) => {
    const { offset, scale, change, min } = outputs[index % outputs.length] as (typeof outputs)[0];
    const raw = offset + scale * (answers[index] as number);
    return Math.max(min ?? -Infinity, raw + (change ? (samples.last[index] as number) : 0));
  };
}

function linearErrors(metadata: ForecastMetadata, line: Linear, samples: ScoredSamples, station?: number): Errors[] {
  const answers = applyLinear(line, samples, metadata.inputs.length);
  return errorsOf(samples, metadata.outputs.length, valued(metadata, samples, answers), station);
}

function modelErrors(model: Model, samples: ScoredSamples, station?: number): Errors[] {
  const { steps, inputs, outputs } = model.metadata;
  const size = steps * inputs.length;
  const runner = openRunner(model.architecture, model.weights);
  const answers = new Float32Array(samples.starts.length * outputs.length);
  for (let from = 0; from < samples.starts.length; from += 64) {
    const chosen = samples.starts.subarray(from, from + 64);
    const windows = new Float32Array(chosen.length * size);
    for (const [i, start] of chosen.entries()) {
      windows.set(samples.series.subarray(start * inputs.length, start * inputs.length + size), i * size);
    }
    answers.set(runner.run(windows, chosen.length), from * outputs.length);
  }
  return errorsOf(samples, outputs.length, valued(model.metadata, samples, answers), station);
}

function rowsOf(model: Model, line: Linear, samples: ScoredSamples, station?: number): Row[] {
  const last: Answer = (index) => samples.last[index] as number;
  return [
    ["persistence", errorsOf(samples, model.metadata.outputs.length, last, station)],
    ["ridge on the window", linearErrors(model.metadata, line, samples, station)],
    ["this model", modelErrors(model, samples, station)],
  ];
}

/** What is minimised when choosing: squared errors beside the spread of the change, added up over the outputs. */
function overall(metadata: ForecastMetadata, errors: readonly Errors[]): number {
  return errors.reduce((sum, { rmse }, o) => sum + (rmse / (metadata.outputs[o]?.scale ?? 1)) ** 2, 0);
}

function rangesOf(stations: readonly Station[], part: Part): ForecastMetadata["features"] {
  return TEMPLATE.features.map((feature, f) => {
    let [min, max] = [Infinity, -Infinity];
    for (const { truth } of stations) {
      for (let r = part.from; r < part.to; r++) {
        const value = truth[r * TEMPLATE.features.length + f] as number;
        if (value < min) min = value;
        if (value > max) max = value;
      }
    }
    return { ...feature, min: Number(min.toPrecision(6)), max: Number(max.toPrecision(6)) };
  });
}

const rounded = ({ rmse, mae }: Errors): { rmse: number; mae: number } => ({
  rmse: Number(rmse.toFixed(3)),
  mae: Number(mae.toFixed(3)),
});

/** Local date and hour of a row. */
function dateOf(stations: readonly Station[], row: number): string {
  const time = (stations[0]?.start ?? 0) + row * TEMPLATE.stepLength + UTC_OFFSET * 60_000;
  return new Date(time).toISOString().slice(0, 13).replace("T", " ") + ":00 local time";
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
