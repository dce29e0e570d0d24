/**
 * Readings for windows, from a seed: the same everywhere. Twenty keys of very different rates and four partitions, one
 * that lags behind the others for good and one that falls silent for a third of the stream; holes in which nothing
 * comes, times on a grid of 100 ms (so ends and gaps are hit exactly, and many records share their time), and disorder.
 */
import { createHash } from "node:crypto";
import { randomNumbers } from "../nodes/lib/forecast/random";

export const RULES = {
  /** How much older than the newest of its partition a record may be, ms. */
  disorder: 30_000,
  /** A partition without records for so long is left out, ms. */
  idle: 300_000,
  partitions: 4,
} as const;

export const BATCH = 500;
const GRID = 100;
const KEYS = 20;
/** From one record to the next on average, ms. */
const APART = 100;
/** How much later late records come on average, ms. */
const LATER = 60_000;
/** Around the moment when the silent partition is left out, ms. */
const LEAP = 150_000;
/** One that lags comes so much later than the others, which is more than the disorder. */
const LAG = 45_000;
const [LAGGING, SILENT] = [2, 3];
const HOLE = { every: 40 * 60_000, length: 3 * 60_000 } as const;

interface Records {
  /** Of each record, by its id. */
  readonly key: Uint8Array;
  readonly partition: Uint8Array;
  readonly offset: Uint32Array;
  /** Event time, ms since the epoch. */
  readonly time: Float64Array;
  readonly value: Int32Array;
  /** Two hashes of the id, of 32 bits: what sums of them agree on is the same set of records. */
  readonly hashes: readonly [Uint32Array, Uint32Array];
}

export interface Stream extends Records {
  /** When each comes, ms of the stream's own clock: there is no other. */
  readonly arrival: Float64Array;
  /** Ids in the order in which they come. */
  readonly order: Uint32Array;
}

export interface StreamOptions {
  readonly records: number;
  readonly seed: number;
  /** Event time of the first record, ms since the epoch. */
  readonly from: number;
  /** Share of records that come later than the disorder allows. */
  readonly late: number;
}

export function streamOf({ records, seed, from, late }: StreamOptions): Stream {
  const random = randomNumbers(seed);
  const stream = {
    key: new Uint8Array(records),
    partition: new Uint8Array(records),
    offset: new Uint32Array(records),
    time: new Float64Array(records),
    value: new Int32Array(records),
    hashes: hashesOf(records),
  };
  let at = from;
  let hole = from + HOLE.every;
  for (let id = 0; id < records; id++) {
    at -= Math.log(1 - random()) * APART;
    if (at >= hole) {
      at += HOLE.length;
      hole = at + HOLE.every;
    }
    stream.time[id] = Math.floor(at / GRID) * GRID;
    stream.key[id] = Math.floor(KEYS * random() ** 2);
    const partitions = id >= records / 3 && id < (records * 2) / 3 ? SILENT : RULES.partitions;
    stream.partition[id] = opens(id) ? id : Math.floor(random() * partitions);
    stream.value[id] = Math.floor(random() * 2_000_001) - 1_000_000;
  }
  const ordered = arrange(stream, arrivals(stream, random, late));
  const next = Array.from({ length: RULES.partitions }, () => 0);
  const take = (partition: number): number => (next[partition] = (next[partition] ?? 0) + 1) - 1;
  for (const id of ordered.order) ordered.offset[id] = take(ordered.partition[id] as number);
  return ordered;
}

function hashesOf(records: number): [Uint32Array, Uint32Array] {
  const hashes: [Uint32Array, Uint32Array] = [new Uint32Array(records), new Uint32Array(records)];
  for (let id = 0; id < records; id++) {
    const digest = createHash("md5").update(String(id)).digest();
    hashes.forEach((hash, n) => (hash[id] = digest.readUInt32LE(4 * n)));
  }
  return hashes;
}

/** The same records in another order that the disorder allows. `offset` stays: it is part of the record. */
export const shuffled = (stream: Stream, seed: number): Stream =>
  arrange(stream, arrivals(stream, randomNumbers(seed), 0));

/** The first records, one of each partition, come at once and before all others: every order opens alike. */
const opens = (id: number): boolean => id < RULES.partitions;

/** When each record comes: within the disorder after its time and its partition's lag, and a share of them later. */
function arrivals({ time, partition }: Records, random: () => number, late: number): Float64Array {
  // When the silent partition is left out, the watermark leaps. Just there nothing is late: a record could be judged
  // before the leap or after it.
  const silence = Math.ceil(time.length / 3);
  const leap = (time[silence] as number) + RULES.idle + LEAP / 2;
  // Nor after the others: partitions would fall silent one by one.
  const end = time.at(-1) as number;
  return time.map((own, id) => {
    if (opens(id)) return time[0] as number;
    const lag = partition[id] === LAGGING ? LAG : 0;
    const arrival = own + lag + random() * (RULES.disorder - GRID);
    if (random() >= late || (partition[id] === SILENT && id < silence)) return arrival;
    const later = arrival + RULES.disorder - Math.log(1 - random()) * LATER;
    return Math.abs(later - leap) < LEAP || later > end ? arrival : later;
  });
}

function arrange(records: Records, arrival: Float64Array): Stream {
  const order = Uint32Array.from(arrival.keys());
  order.sort((a, b) => (arrival[a] as number) - (arrival[b] as number) || a - b);
  return { ...records, arrival, order };
}

/** The ids of the stream's batches, each with the moment when its last record comes. */
export function* batchesOf({ order, arrival }: Stream): Generator<{ ids: Uint32Array; now: number }> {
  for (let from = 0; from < order.length; from += BATCH) {
    const ids = order.subarray(from, from + BATCH);
    yield { ids, now: arrival[ids.at(-1) as number] as number };
  }
}

export const keyName = (key: number): string => `sensor-${String(key).padStart(2, "0")}`;
