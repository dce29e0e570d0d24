/**
 * Windows a second of the built-in engine beside onnxruntime-node, in one run, on one thread:
 * LSTM(64) → Dense(6) over 24 steps × 6 features (0.861 MFLOP a window), single precision.
 *
 *   npm run build && node dist/bench/forecast.js [--rounds 7]
 *
 * onnxruntime-node is no dependency: it is fetched into the cache (tools/services/engines.ts). Engines take turns in every round;
 * what is shown is the median of the rounds.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Architecture } from "../nodes/lib/forecast/architecture";
import type { EngineKind } from "../nodes/lib/forecast/engine";
import { initialWeights } from "../nodes/lib/forecast/random";
import { openRunner } from "../nodes/lib/forecast/runner";
import { train } from "../nodes/lib/forecast/training";
import { INPUT, onnxModel, OUTPUT } from "../nodes/lib/forecast/onnx/export";
import { engines } from "../tools/services/engines";

const SIZE = { steps: 24, inputs: 6, units: 64, outputs: 6 };
const BATCHES = [1, 64, 1024];

interface Contender {
  readonly name: string;
  run(windows: Float32Array, count: number): Promise<Float32Array> | Float32Array;
}

interface Session {
  run(feeds: Record<string, unknown>): Promise<Record<string, { data: Float32Array }>>;
}
interface OnnxRuntime {
  InferenceSession: { create(model: Buffer, options: object): Promise<Session> };
  Tensor: new (type: string, data: Float32Array, dims: number[]) => unknown;
}

const architecture: Architecture = {
  input: { name: "input", steps: SIZE.steps, inputs: SIZE.inputs },
  layers: [
    { kind: "lstm", name: "lstm", from: ["input"], units: SIZE.units, sequences: false },
    { kind: "dense", name: "out", from: ["lstm"], units: SIZE.outputs, activation: "linear" },
  ],
  output: "out",
};
const weights = initialWeights(architecture, 1);
const all = Float32Array.from({ length: 1024 * SIZE.steps * SIZE.inputs }, (_, i) => Math.sin(i));
const windowsOf = (count: number): Float32Array => all.subarray(0, count * SIZE.steps * SIZE.inputs);

function builtIn(kind: EngineKind): Contender | undefined {
  try {
    const runner = openRunner(architecture, weights, kind);
    return { name: `built-in, ${kind}`, run: (windows, count) => runner.run(windows, count) };
  } catch (error) {
    console.log(String(error));
    return undefined;
  }
}

async function onnx(): Promise<Contender> {
  const runtime = createRequire(join(await engines(), "package.json"))("onnxruntime-node") as OnnxRuntime;
  const session = await runtime.InferenceSession.create(onnxModel(architecture, weights), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
  });
  return {
    name: "onnxruntime-node",
    async run(windows, count) {
      const window = new runtime.Tensor("float32", windows, [count, SIZE.steps, SIZE.inputs]);
      return ((await session.run({ [INPUT]: window }))[OUTPUT] as { data: Float32Array }).data;
    },
  };
}

/** Latencies of single calls in µs, sorted. */
async function latencies({ run }: Contender, calls: number): Promise<number[]> {
  const windows = windowsOf(1);
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const began = performance.now();
    const answer = run(windows, 1);
    if (answer instanceof Promise) await answer;
    times.push((performance.now() - began) * 1000);
  }
  return times.sort((a, b) => a - b);
}

/** Windows per CPU second. */
async function throughput({ run }: Contender, count: number, total: number): Promise<number> {
  const windows = windowsOf(count);
  const calls = Math.max(1, Math.ceil(total / count));
  const began = process.cpuUsage();
  for (let i = 0; i < calls; i++) {
    const answer = run(windows, count);
    if (answer instanceof Promise) await answer;
  }
  const { user, system } = process.cpuUsage(began);
  return (calls * count * 1e6) / (user + system);
}

/** The first answer after the model was opened beside later ones, each after a pause as between records: µs. */
async function firstAnswer(): Promise<{ first: number; later: number }> {
  const runner = openRunner(architecture, weights);
  const times: number[] = [];
  while (times.length < 60) {
    await pause(20);
    const began = performance.now();
    runner.run(windowsOf(1), 1);
    times.push((performance.now() - began) * 1000);
  }
  return { first: times[0] ?? Number.NaN, later: median(times.slice(30)) };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" } } });
  // Before anything else has been compiled.
  const { first: opened, later } = await firstAnswer();
  const kinds = ["relaxed", "simd", "plain"] as const;
  const contenders = [...kinds.map(builtIn), await onnx()].filter((one) => one !== undefined);
  const [first] = contenders;
  if (!first) return;
  const reference = await first.run(windowsOf(64), 64);
  for (const one of contenders) {
    const answers = await one.run(windowsOf(64), 64);
    const difference = Math.max(...reference.map((value, i) => Math.abs(value - (answers[i] as number))));
    if (difference > 1e-5) throw new Error(`${one.name} answers otherwise, by ${difference}`);
    await throughput(one, 64, 2_000);
    await throughput(one, 1, 2_000);
  }
  const results = contenders.map(({ name }) => ({ name, p50: [0], p99: [0], rates: BATCHES.map(() => [0]) }));
  for (const result of results) for (const list of [result.p50, result.p99, ...result.rates]) list.length = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, contender] of contenders.entries()) {
      const slow = contender.name.includes("plain");
      const times = await latencies(contender, slow ? 200 : 3_000);
      results[i]?.p50.push(times[Math.floor(times.length * 0.5)] ?? 0);
      results[i]?.p99.push(times[Math.floor(times.length * 0.99)] ?? 0);
      for (const [b, count] of BATCHES.entries()) {
        results[i]?.rates[b]?.push(await throughput(contender, count, slow ? 1_024 : 8_192));
      }
    }
  }
  const rows = results.map(({ name, p50, p99, rates }) => ({
    name,
    numbers: [median(p50), median(p99), ...rates.map(median)],
  }));
  const other = rows.find(({ name }) => name === "onnxruntime-node")?.numbers;
  console.log(`Node ${process.versions.node}, ${values.rounds} rounds; in brackets the ratio to onnxruntime-node`);
  console.log(
    `first answer ${opened.toFixed(0)} µs, later ones ${later.toFixed(0)} (${(opened / later).toFixed(2)}), each after a pause of 20 ms`,
  );
  console.log("| engine | p50 µs | p99 µs | windows/CPU s at 1 | at 64 | at 1,024 |");
  console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
  for (const { name, numbers } of rows) {
    const cells = numbers.map((value, i) => {
      const ratio = other ? ` (${(value / (other[i] as number)).toFixed(2)})` : "";
      return `${i < 2 ? value.toFixed(1) : Math.round(value)}${ratio}`;
    });
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
  epochs();
}

/** Seconds of an epoch of 5,000 windows in batches of 64, as forecast.md measured Keras's. */
function epochs(): void {
  const count = 5_000;
  const series = Float32Array.from({ length: (count + SIZE.steps) * SIZE.inputs }, (_, i) => Math.sin(i * 1.3));
  const starts = Int32Array.from({ length: count }, (_, i) => i);
  const samples = {
    series,
    starts,
    targets: Float32Array.from({ length: count * SIZE.outputs }, (_, i) => Math.cos(i)),
  };
  const one = { ...samples, starts: starts.subarray(0, 64) };
  const options = {
    epochs: 5,
    batch: 64,
    rate: 1e-3,
    patience: 9,
    seed: 1,
    loss: "mse",
    clip: 1,
    average: 0.9,
  } as const;
  const { history } = train(architecture, weights, samples, one, options);
  console.log(`an epoch of 5,000 windows: ${median(history.map(({ seconds }) => seconds)).toFixed(2)} s`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
