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
import type { FitProgress } from "../../nodes/lib/forecast/fit";
import { writeModel, type Model } from "../../nodes/lib/forecast/model-file";
import { fitInWorker } from "../../nodes/lib/forecast/train-in-worker";
import { table, updateCard } from "./card";
import { readStations } from "./readings";
import { OPTIONS, PLANS, SEEDS, SHAPE, shippedWork, TEMPLATE, UTC_OFFSET } from "./shipped";

const ROOT = resolve(__dirname, "../../..");

const { values: given } = parseArgs({
  options: { data: { type: "string" }, out: { type: "string" }, validate: { type: "boolean", default: false } },
});

async function main(): Promise<void> {
  const folder = given.data ?? process.env["CITYSTREAM_READINGS"] ?? join(ROOT, "flows/data");
  const names = TEMPLATE.features.map((feature) => feature.name);
  const stations = readStations(folder, names, TEMPLATE.fill, UTC_OFFSET);
  const fitted = await fitInWorker(shippedWork(stations, !given.validate), tell);
  const { model, parts, windows, test } = fitted;
  for (const kind of ["rmse", "mae"] as const) console.log(table(`validation ${kind}`, kind, fitted.validation));
  if (!test) {
    if (given.out) await writeModel(resolve(given.out), model);
    return;
  }

  const tables = [
    table("test RMSE, µg/m³", "rmse", test.rows),
    table("test MAE, µg/m³", "mae", test.rows),
    ...fitted.stations.map((name, s) => table(`test RMSE, ${name}`, "rmse", test.stations[s] ?? [])),
  ];
  console.log(tables.join("\n\n"));
  const { scores, ...metadata } = model.metadata;
  const finished: Model = {
    ...model,
    metadata: {
      ...metadata,
      training: {
        data: "Beijing Multi-Site Air Quality (Song Xi Chen), UCI Machine Learning Repository #501, DOI 10.24432/C5RK5G",
        licence: "CC BY 4.0",
        stations: fitted.stations,
        from: localTime(parts.training.from),
        trainedTo: localTime(parts.training.to - TEMPLATE.stepLength),
        chosenTo: localTime(parts.validation.to - TEMPLATE.stepLength),
        testedTo: localTime(parts.test.to - TEMPLATE.stepLength),
        windows,
        seeds: SEEDS,
        ...SHAPE,
        ...OPTIONS,
        networks: PLANS,
      },
      ...(scores && { scores }),
    },
  };
  const out = resolve(given.out ?? join(ROOT, "models/beijing-air"));
  await writeModel(out, finished);
  updateCard(join(out, "../README.md"), tables);
  console.log(`written: ${out}`);
}

/** How far training is. */
function tell(progress: FitProgress): void {
  switch (progress.kind) {
    case "windows":
      console.log(`${progress.training} windows to train, ${progress.validation} to choose`);
      break;
    case "ridge":
      console.log(`ridge: penalty ${progress.penalty}, ${progress.score.toFixed(4)}`);
      break;
    case "epoch": {
      const { epoch, loss, validation, best, seconds } = progress.epoch;
      const mark = best ? " *" : "";
      console.log(
        `network ${progress.network} epoch ${epoch}: ${loss.toFixed(4)} ${validation.toFixed(4)}${mark} ${seconds.toFixed(1)} s`,
      );
      break;
    }
    case "network":
      console.log(`${progress.network} networks: ${progress.score.toFixed(4)}`);
  }
}

/** Local date and hour of the stations. */
const localTime = (time: number): string =>
  `${new Date(time + UTC_OFFSET * 60_000).toISOString().slice(0, 13).replace("T", " ")}:00 local time`;

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
