import type { Architecture, Tensor, Weights } from "./architecture";
import { backward, clearGradients, placeGradients } from "./backward";
import { openEngine, type EngineKind } from "./engine";
import { lossOf, quantileLoss, type Loss } from "./loss";
import { forward, placeNetwork, weightsOf, type Network, type Value, type Values } from "./network";
import { randomNumbers, shuffle } from "./random";

/** Windows cut from one matrix: window `i` is the rows `starts[i] … starts[i] + steps` of `series`. */
export interface Samples {
  /** `[rows × inputs]`, scaled */
  readonly series: Float32Array;
  /** First row of each window. */
  readonly starts: Int32Array;
  /** `[windows × outputs]`, scaled; NaN where the truth is unknown: it does not count. */
  readonly targets: Float32Array;
}

export interface TrainingOptions {
  readonly epochs: number;
  readonly batch: number;
  /** Adam's step at the start; it falls to a twentieth along a half cosine over all epochs. */
  readonly rate: number;
  /** Stop after so many epochs without a better validation loss. */
  readonly patience: number;
  readonly seed: number;
  readonly loss: Loss;
  /** By output: the quantile that it learns, instead of by `loss`; null: none. */
  readonly quantiles?: readonly (number | null)[];
  /** Largest norm of a batch's gradient. */
  readonly clip: number;
  /** Weights are averaged over about `1 / (1 − average)` batches for validation and result; 0 turns it off. */
  readonly average: number;
  /** Layers whose weights stay as they start. */
  readonly frozen?: readonly string[];
  /** Windows in an epoch, drawn anew each time; absent: all. */
  readonly windows?: number;
  readonly engine?: EngineKind;
}

type Losses = Pick<TrainingOptions, "loss" | "quantiles">;

export interface Epoch {
  /** From 1 on. */
  readonly epoch: number;
  readonly loss: number;
  readonly validation: number;
  /** This epoch's weights are the best so far. */
  readonly best: boolean;
  readonly seconds: number;
}

export interface Trained {
  readonly weights: Map<string, Tensor>;
  readonly history: readonly Epoch[];
}

/** Who looks on. */
export interface Watch {
  /** Called after each epoch. */
  readonly told?: (epoch: Epoch) => void;
  /** Asked before each batch: training ends with the best weights so far. */
  readonly cancelled?: () => boolean;
}

/** Adam as Keras has it. */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-7;

/**
 * Trains by back-propagation through time with Adam, on this thread, until `epochs` are over or validation stops getting
 * better; the result is the best epoch's weights. The same seed gives the same weights.
 * @throws when loss or gradient are not finite any more: the learning rate is too large
 */
export function train(
  architecture: Architecture,
  start: Weights,
  training: Samples,
  validation: Samples,
  options: TrainingOptions,
  watch: Watch = {},
): Trained {
  const engine = openEngine(options.engine);
  const network = placeNetwork(engine, architecture, start, options.batch, true);
  const { at: parameters, count } = network.parameters;
  const gradients = placeGradients(network);
  const [m, v, averaged, current] = [0, 0, 0, 0].map(() => engine.allocate(count)) as [number, number, number, number];
  const masks = new Map<string, number>();
  for (const { layer } of network.placed) {
    const own = gradients.outputs.get(layer.name);
    if (layer.kind === "dropout" && own) masks.set(layer.name, engine.allocate(own.count));
  }
  const random = randomNumbers(options.seed);
  let dropoutState = Math.floor(random() * 4294967295) + 1;
  const order = Int32Array.from(training.starts.keys());
  const perEpoch = Math.min(options.windows ?? order.length, order.length);
  const batches = Math.ceil(perEpoch / options.batch);
  const copy = (to: number, from: number): unknown => engine.floats.copyWithin(to / 4, from / 4, from / 4 + count);
  copy(averaged, parameters);
  const history: Epoch[] = [];
  let best = start;
  let least = Infinity;
  let since = 0;
  let step = 0;
  for (let epoch = 1; epoch <= options.epochs && since < options.patience; epoch++) {
    const began = performance.now();
    shuffle(order, random);
    let sum = 0;
    for (let b = 0; b < batches && !watch.cancelled?.(); b++) {
      const chosen = order.subarray(b * options.batch, Math.min((b + 1) * options.batch, perEpoch));
      loadWindows(network, training, chosen);
      const values = forward(network, chosen.length, (placed, size) => {
        const mask = masks.get(placed.layer.name);
        if (mask === undefined || placed.layer.kind !== "dropout") return 0;
        dropoutState = engine.dropoutMask(mask, size, placed.layer.rate, dropoutState) >>> 0;
        return mask;
      });
      clearGradients(network, gradients);
      const dOut = gradients.outputs.get(architecture.output)?.at ?? 0;
      sum += outputLoss(network, values, training, chosen, options, dOut) * chosen.length;
      backward(network, gradients, values, chosen.length, masks);
      freeze(network, gradients.parameters, options.frozen ?? []);
      clip(network, gradients.parameters, options.clip);
      step++;
      const progress = Math.min(1, step / (options.epochs * batches));
      const rate = options.rate * (0.05 + 0.95 * 0.5 * (1 + Math.cos(Math.PI * progress)));
      const correction = Math.sqrt(1 - BETA2 ** step);
      const scaled = (rate * correction) / (1 - BETA1 ** step);
      engine.adam(parameters, gradients.parameters, m, v, count, scaled, BETA1, BETA2, EPSILON * correction);
      const keep = Math.min(options.average, step / (step + 10));
      engine.addScaled(averaged, averaged, count, keep - 1);
      engine.addScaled(averaged, parameters, count, 1 - keep);
    }
    if (watch.cancelled?.()) break;
    copy(current, parameters);
    copy(parameters, averaged);
    const score = meanLoss(network, validation, options);
    const better = score < least;
    if (better) best = weightsOf(network);
    copy(parameters, current);
    least = better ? score : least;
    since = better ? 0 : since + 1;
    const loss = sum / perEpoch;
    if (!Number.isFinite(loss + score)) {
      throw new Error(`Training diverged (the loss of epoch ${epoch} is ${loss}): use a smaller learning rate.`);
    }
    const result = { epoch, loss, validation: score, best: better, seconds: (performance.now() - began) / 1000 };
    history.push(result);
    watch.told?.(result);
  }
  return { weights: new Map(best), history };
}

/** Mean loss over all samples, without dropout. */
function meanLoss(network: Network, samples: Samples, loss: Losses): number {
  const all = Int32Array.from(samples.starts.keys());
  let sum = 0;
  for (let from = 0; from < all.length; from += network.rows) {
    const chosen = all.subarray(from, from + network.rows);
    loadWindows(network, samples, chosen);
    sum += outputLoss(network, forward(network, chosen.length), samples, chosen, loss) * chosen.length;
  }
  return sum / all.length;
}

/** Copies windows into the network's input. */
function loadWindows(network: Network, samples: Samples, chosen: Int32Array): void {
  const { steps, inputs } = network.architecture.input;
  const { floats } = network.engine;
  for (const [i, window] of chosen.entries()) {
    const from = (samples.starts[window] as number) * inputs;
    floats.set(samples.series.subarray(from, from + steps * inputs), network.input / 4 + i * steps * inputs);
  }
}

/** Mean loss of the chosen windows; writes its gradient to `gradient` unless 0. */
function outputLoss(
  network: Network,
  values: Values,
  samples: Samples,
  chosen: Int32Array,
  { loss, quantiles }: Losses,
  gradient = 0,
): number {
  const out = values.get(network.architecture.output) as Value;
  const { floats } = network.engine;
  let sum = 0;
  for (const [i, window] of chosen.entries()) {
    const at = out.at / 4 + (i * out.row) / 4;
    const to = gradient ? gradient / 4 + (i * out.row) / 4 : 0;
    for (let j = 0; j < out.width; j++) {
      const wanted = samples.targets[window * out.width + j] as number;
      if (Number.isNaN(wanted)) continue;
      const error = (floats[at + j] as number) - wanted;
      const quantile = quantiles?.[j] ?? undefined;
      const [value, slope] = quantile === undefined ? lossOf(loss, error) : quantileLoss(quantile, error);
      sum += value;
      if (to) floats[to + j] = slope / (chosen.length * out.width);
    }
  }
  return sum / (chosen.length * out.width);
}

/** Takes the gradient away from layers that are not to learn. */
function freeze(network: Network, gradient: number, names: readonly string[]): void {
  for (const { layer, weights, bias, blocks } of network.placed) {
    if (!names.includes(layer.name)) continue;
    const end = bias + blocks * (layer.kind === "lstm" ? 128 : 32);
    const shift = gradient - network.parameters.at;
    network.engine.floats.fill(0, (weights + shift) / 4, (end + shift) / 4);
  }
}

/** Scales the gradient down to the largest norm allowed. */
function clip(network: Network, gradient: number, largest: number): void {
  const { engine, parameters } = network;
  const norm = Math.sqrt(engine.sumOfSquares(gradient, parameters.count));
  if (!Number.isFinite(norm))
    throw new Error("Training diverged (its gradient is not finite): use a smaller learning rate.");
  if (norm > largest) engine.addScaled(gradient, gradient, parameters.count, largest / norm - 1);
}
