/** Keeps collected readings on disk: a reading is finished at its source once a checkpoint holds it. */
import type { Message } from "../../lib/delivery/contract";
import { openCollected, type Collected, type CollectedOptions } from "../../lib/forecast/collected";
import { BLOCK } from "../../lib/forecast/series";
import { Checkpoints, type Surroundings } from "../../lib/state/checkpoints";
import { StateStore } from "../../lib/state/store";
import type { Codec } from "../../lib/state/store-options";

export interface KeptReadings {
  readonly collected: Collected;
  /** Resolves once what was kept is back; undefined when it is. @throws Retriable when it is closed before */
  readonly ready: Promise<void> | undefined;
  /** What was added of a message is not finished before a restart would find it; resolves then where nothing tracks it. */
  kept(message: Message): Promise<void> | undefined;
  close(): Promise<void>;
}

export interface KeptReadingsOptions extends Omit<CollectedOptions, "changed"> {
  /** Made when missing. */
  readonly directory: string;
  /** Names the features and the step: readings of others are set aside. */
  readonly format: string;
  /** Longest time from a reading to the checkpoint that holds it, ms. */
  readonly interval: number;
  warn(text: string): void;
}

/** Readings that live as long as their node. */
export const readingsInMemory = (options: Omit<CollectedOptions, "changed">): KeptReadings => ({
  collected: openCollected(options),
  ready: undefined,
  kept: () => undefined,
  close: () => Promise.resolve(),
});

/** Blocks that have changed since the last checkpoint, after which there is one at once. */
const SOON = 1_000;

/** Readings that outlive a restart. A block is one state of the store; its name is `<number>/<key>`. */
export function readingsOnDisk(options: KeptReadingsOptions, around: Surroundings): KeptReadings {
  const { width, directory, format, warn } = options;
  const dirty = new Map<string, { readonly key: string; readonly number: number }>();
  const collected = openCollected({
    ...options,
    changed: (key, number) => void dirty.set(`${number}/${key}`, { key, number }),
  });
  let store: StateStore | undefined;

  async function write(): Promise<void> {
    if (!store || !dirty.size) return;
    const taken = new Map(dirty);
    dirty.clear();
    const states = new Map<string, Float32Array | undefined>();
    for (const [name, { key, number }] of taken) {
      const block = collected.block(key, number);
      if (block || store.has(name)) states.set(name, block?.rows);
    }
    try {
      await store.write(states, [], () => [], Date.now());
    } catch (error) {
      for (const [name, place] of taken) dirty.set(name, place);
      throw error;
    }
  }

  async function open(): Promise<StateStore> {
    const opened = await StateStore.open(
      { directory, format, ttl: Infinity, most: Infinity, codec: ROWS, warn },
      () => undefined,
    );
    try {
      // The newest first: with less room than before, the oldest stay out.
      const names = [...opened.all()].map(placeOf).sort((a, b) => b.number - a.number);
      for (const { name, key, number } of names) {
        const rows = opened.read(name, Date.now()) as Float32Array;
        if (rows.length === BLOCK * width) collected.restore({ key, number, rows });
      }
      return opened;
    } catch (error) {
      collected.clear();
      await opened.close();
      throw error;
    }
  }

  const checkpoints = new Checkpoints(options.interval, around, write);
  const opening = checkpoints.untilOpen(open).then((opened) => void (store = opened));
  opening.catch(() => undefined);
  return {
    collected,
    get ready() {
      return store ? undefined : opening;
    },
    kept(message) {
      if (dirty.size) return checkpoints.retain(message, { now: dirty.size >= SOON, counts: false });
      return checkpoints.retainPresent(message);
    },
    async close() {
      await checkpoints.close(opening, () => dirty.size > 0);
      await store?.close();
    },
  };
}

function placeOf(name: string): { name: string; key: string; number: number } {
  const cut = name.indexOf("/");
  return { name, key: name.slice(cut + 1), number: Number(name.slice(0, cut)) };
}

/** Little-endian, on every machine. */
function bytesOf(rows: Float32Array): Buffer {
  const bytes = Buffer.alloc(rows.length * 4);
  for (let i = 0; i < rows.length; i++) bytes.writeFloatLE(rows[i] as number, i * 4);
  return bytes;
}

const floatsOf = (bytes: Buffer): Float32Array =>
  Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));

/** States are rows of a block. */
const ROWS: Codec = { encode: (state) => bytesOf(state as Float32Array), decode: floatsOf };
