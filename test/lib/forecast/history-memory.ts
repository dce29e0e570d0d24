/** What series take in memory, measured in a process that has nothing else: prints bytes as JSON. Needs --expose-gc. */
import { joinReading, type Series } from "../../../nodes/lib/forecast/history";

const HOUR = 3_600_000;
const KEYS = 10_000;
const grid = { width: 10, kept: 27, stepLength: HOUR };

export interface Grown {
  /** By 10,000 series that are full. */
  readonly series: number;
  /** By the windows that are remembered of 100,000 records: of one series, and of 10,000. */
  readonly windows: readonly number[];
}

/** Bytes in use, in V8's heap and beside it. */
function memory(): number {
  for (let again = 0; again < 3; again++) globalThis.gc?.();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

function taker(keys: number) {
  const join = joinReading(grid);
  const states = new Map<string, Series>();
  return {
    states,
    take(n: number): unknown {
      const key = `station-${n % keys}`;
      const record = { payload: new Float32Array(10), timestamp: Math.floor(n / keys) * HOUR };
      const step = join(states.get(key), record);
      states.set(key, step.state);
      return step.result;
    },
  };
}

function seriesOf(): number {
  const before = memory();
  const { states, take } = taker(KEYS);
  for (let n = 0; n < 60 * KEYS; n++) take(n);
  const grown = memory() - before;
  if (states.size !== KEYS) throw new Error(`${states.size} series`);
  return grown;
}

function windowsOf(keys: number): number {
  const { states, take } = taker(keys);
  const told: unknown[] = [];
  for (let n = 0; n < 30 * keys; n++) take(n);
  const before = memory();
  for (let n = 30 * keys; n < 30 * keys + 100_000; n++) told.push(take(n));
  const grown = memory() - before;
  if (told.length !== 100_000 || states.size !== keys) throw new Error(`${told.length} windows`);
  return grown;
}

if (require.main === module) {
  const grown: Grown = { series: seriesOf(), windows: [windowsOf(1), windowsOf(KEYS)] };
  console.log(JSON.stringify(grown));
}
