import { readFileSync } from "node:fs";
import { join } from "node:path";
import { plainOperations } from "./plain";

/**
 * The arithmetic of networks over one block of memory. Addresses and strides are byte offsets into it, layouts are those
 * of `kernel/` (panels of eight columns); the WebAssembly kernel and the plain one take the same arguments.
 */
export interface Operations {
  lstmForward(
    x: number,
    xRow: number,
    xStep: number,
    inputs: number,
    units: number,
    blocks: number,
    weights: number,
    bias: number,
    h: number,
    c: number,
    gates: number,
    z: number,
    rows: number,
    steps: number,
    keep: number,
  ): void;
  lstmBackward(
    x: number,
    xRow: number,
    xStep: number,
    inputs: number,
    units: number,
    blocks: number,
    h: number,
    c: number,
    gates: number,
    dOut: number,
    whole: number,
    inputT: number,
    unitT: number,
    dx: number,
    dxRow: number,
    dh: number,
    dc: number,
    dz: number,
    dWeights: number,
    dBias: number,
    rows: number,
    steps: number,
  ): void;
  denseForward(
    x: number,
    xRow: number,
    inputs: number,
    weights: number,
    bias: number,
    y: number,
    blocks: number,
    rows: number,
    activation: number,
  ): void;
  denseBackward(
    x: number,
    xRow: number,
    inputs: number,
    y: number,
    dy: number,
    blocks: number,
    rows: number,
    activation: number,
    weightsT: number,
    dx: number,
    dxRow: number,
    dWeights: number,
    dBias: number,
  ): void;
  packTransposed(
    weights: number,
    total: number,
    width: number,
    blocks: number,
    first: number,
    count: number,
    out: number,
  ): void;
  adam(
    p: number,
    g: number,
    m: number,
    v: number,
    count: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
  ): void;
  sumOfSquares(p: number, count: number): number;
  addScaled(to: number, from: number, count: number, factor: number): void;
  multiply(to: number, a: number, b: number, count: number): void;
  dropoutMask(to: number, count: number, rate: number, state: number): number;
}

/** `relaxed`: fused multiply-add where the processor has it (Node 22 and later); `plain`: no WebAssembly SIMD at all. */
export type EngineKind = "relaxed" | "simd" | "plain";

export interface Engine extends Operations {
  readonly kind: EngineKind;
  /** All memory, as floats. It moves when memory grows: never keep it over an `allocate`. */
  readonly floats: Float32Array;
  /** Zeroed memory on a 16-byte boundary; it lives as long as the engine. */
  allocate(floats: number): number;
  /** Bytes allocated. */
  readonly size: number;
}

/** First address given out: 0 stands for "none" in the kernel's arguments. */
const START = 64;
const PAGE = 65_536;
const FILES = { relaxed: "kernel.relaxed.wasm", simd: "kernel.wasm" } as const;

/**
 * An engine with memory of its own: the fastest that this machine validates, or `kind`.
 * @throws when `kind` is asked for and does not run here
 */
export function openEngine(kind?: EngineKind): Engine {
  if (kind === "plain") return plainEngine();
  for (const candidate of kind ? [kind] : (["relaxed", "simd"] as const)) {
    const bytes = kernelBytes(candidate);
    if (bytes && WebAssembly.validate(bytes)) return wasmEngine(candidate, bytes);
  }
  if (kind) throw new Error(`The forecast kernel "${kind}" does not run on Node ${process.versions.node} here.`);
  return plainEngine();
}

function kernelBytes(kind: "relaxed" | "simd"): Buffer<ArrayBuffer> | undefined {
  try {
    return readFileSync(join(__dirname, FILES[kind]));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function wasmEngine(kind: "relaxed" | "simd", bytes: Buffer<ArrayBuffer>): Engine {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const memory = exports["memory"] as WebAssembly.Memory;
  const operations = exports as unknown as Operations;
  let next = START;
  let floats = new Float32Array(memory.buffer);
  const engine = {
    kind,
    get floats(): Float32Array {
      if (floats.buffer !== memory.buffer) floats = new Float32Array(memory.buffer);
      return floats;
    },
    get size(): number {
      return next;
    },
    allocate(count: number): number {
      const at = next;
      next += Math.ceil(count / 4) * 16;
      const missing = next - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
      return at;
    },
  };
  return Object.assign(engine, operations);
}

function plainEngine(): Engine {
  let next = START;
  let floats = new Float32Array(PAGE / 4);
  const engine = {
    kind: "plain" as const,
    get floats(): Float32Array {
      return floats;
    },
    get size(): number {
      return next;
    },
    allocate(count: number): number {
      const at = next;
      next += Math.ceil(count / 4) * 16;
      if (next > floats.byteLength) {
        const grown = new Float32Array(Math.max(next / 4, floats.length * 2));
        grown.set(floats);
        floats = grown;
      }
      return at;
    },
  };
  return Object.assign(
    engine,
    plainOperations(() => floats),
  );
}
