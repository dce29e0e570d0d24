/**
 * CPU seconds of a training epoch of the built-in engine beside Keras's, in one run, taking turns: LSTM(64) → Dense(6), 20,000
 * windows of the stations, batches of 128, Adam, one thread each. `export` of forecast-accuracy must have run.
 *
 *   node dist/bench/forecast-epoch.js --python <python with tensorflow> [--rounds 3]
 */
import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Architecture } from "../nodes/lib/forecast/architecture";
import { partsOf, samplesOf, scaled } from "../nodes/lib/forecast/parts";
import { initialWeights } from "../nodes/lib/forecast/random";
import { train, type Samples } from "../nodes/lib/forecast/training";
import { readStations } from "../tools/train/readings";
import { SHARES, TEMPLATE, UTC_OFFSET } from "../tools/train/shipped";

const ROOT = resolve(__dirname, "../..");
const CACHE = process.env["CITYSTREAM_CACHE"] ?? join(homedir(), ".cache/citystream");
const WINDOWS = 20_000;
const BATCH = 128;

const { values: given } = parseArgs({
  options: {
    data: { type: "string", default: join(ROOT, "flows/data") },
    folder: { type: "string", default: join(CACHE, "accuracy/data") },
    python: { type: "string", default: "python3" },
    rounds: { type: "string", default: "3" },
  },
});

/** The first windows of the training part with every truth known, as forecast-accuracy.py takes them. */
function windows(): Samples {
  const features = TEMPLATE.features.map(({ name }) => name);
  const stations = readStations(given.data, features, TEMPLATE.fill, UTC_OFFSET);
  const { training } = partsOf(stations, TEMPLATE.stepLength, SHARES);
  const metadata = { ...TEMPLATE, ...scaled(TEMPLATE, stations, training) };
  const { series, starts, targets } = samplesOf(stations, training, metadata);
  const many = metadata.outputs.length;
  const of = (window: number): Float32Array => targets.subarray(window * many, (window + 1) * many);
  const chosen = [...starts.keys()].filter((window) => !of(window).some(Number.isNaN)).slice(0, WINDOWS);
  return {
    series,
    starts: Int32Array.from(chosen, (window) => starts[window] as number),
    targets: Float32Array.from(chosen.flatMap((window) => [...of(window)])),
  };
}

const architecture: Architecture = {
  input: { name: "window", steps: TEMPLATE.steps, inputs: TEMPLATE.inputs.length },
  layers: [
    { kind: "lstm", name: "lstm", from: ["window"], units: 64, sequences: false },
    { kind: "dense", name: "out", from: ["lstm"], units: TEMPLATE.outputs.length, activation: "linear" },
  ],
  output: "out",
};

/** CPU seconds of an epoch after the first. */
function ours(samples: Samples): number {
  const one = { ...samples, starts: samples.starts.subarray(0, 1) };
  const options = { epochs: 2, batch: BATCH, rate: 1e-3, patience: 9, seed: 1, loss: "mse", clip: 1 } as const;
  let begun = process.cpuUsage();
  let seconds = 0;
  const told = (): void => {
    const { user, system } = process.cpuUsage(begun);
    seconds = (user + system) / 1e6;
    begun = process.cpuUsage();
  };
  train(architecture, initialWeights(architecture, 1), samples, one, { ...options, average: 0.9 }, { told });
  return seconds;
}

function keras(): number {
  const script = join(ROOT, "bench/forecast-accuracy.py");
  const { stdout, stderr } = spawnSync(given.python, [script, given.folder, "--epoch", String(WINDOWS)], {
    encoding: "utf8",
  });
  const seconds = Number(/^epoch ([\d.]+)$/m.exec(stdout)?.[1]);
  if (!(seconds > 0)) throw new Error(`${given.python} told no time of an epoch: ${stderr.slice(-2_000)}`);
  return seconds;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const samples = windows();
const times = { ours: [] as number[], keras: [] as number[] };
for (let round = 0; round < Number(given.rounds); round++) {
  times.ours.push(ours(samples));
  times.keras.push(keras());
}
const [own, other] = [median(times.ours), median(times.keras)];
console.log(
  `${samples.starts.length} windows, CPU s an epoch, Node ${process.versions.node}: built-in ${own.toFixed(2)}, ` +
    `Keras ${other.toFixed(2)}, ratio ${(own / other).toFixed(2)} (${JSON.stringify(times)})`,
);
