/** The records of a trial: number n lies in partition n mod partitions, at offset n div partitions. */
import { setTimeout as wait } from "node:timers/promises";
import { valueOf } from "./numbers";
import type { Observer } from "./observer";

export interface Input {
  readonly topic: string;
  readonly seed: string;
  readonly partitions: number;
  readonly bytes?: number;
}

/** The number of the record at a place of the input. */
export const numberAt = ({ partitions }: Input, partition: number, offset: number): number =>
  offset * partitions + partition;

/** Stores the records from `from` to before `to`; both must be multiples of the number of partitions. */
export async function produce(observer: Observer, input: Input, from: number, to: number): Promise<void> {
  const { topic, seed, partitions, bytes } = input;
  // Below 1 MB a request and partition, which brokers take.
  const LARGEST = Math.max(1, Math.floor(500_000 / (bytes ?? 100))) * partitions;
  for (let begin = from; begin < to; begin += LARGEST) {
    const end = Math.min(to, begin + LARGEST);
    await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const values: string[] = [];
        for (let n = begin + partition; n < end; n += partitions) values.push(valueOf(seed, n, bytes));
        const offset = await observer.write(topic, partition, values);
        if (offset !== begin / partitions)
          throw new Error(`the observer's own records of ${topic} lie at ${offset}, not at ${begin / partitions}`);
      }),
    );
  }
}

export interface Stream {
  /** Records stored so far. */
  readonly sent: number;
  /** Stores no more; resolves when what was begun is stored. Rejects if something could not be. */
  stop(): Promise<void>;
  /** Resolves when `limit` records are stored. */
  readonly done: Promise<void>;
  /** @throws when the records could not be stored: then nothing more comes, whatever the nodes do */
  check(): void;
}

/** Stores records as time goes by: `perSecond`, or fewer where the machine can't, until `limit` of them are stored. */
export function stream(observer: Observer, input: Input, perSecond: number, limit: number): Stream {
  const PACE = 50;
  let sent = 0;
  const state: { on: boolean; failure?: unknown } = { on: true };
  const step = Math.max(1, Math.round((perSecond * PACE) / 1000 / input.partitions)) * input.partitions;
  const done = (async () => {
    let due = Date.now();
    while (state.on && sent < limit) {
      const to = Math.min(limit, sent + step);
      await produce(observer, input, sent, to);
      sent = to;
      due = Math.max(due + PACE, Date.now() - 1000);
      await wait(Math.max(0, due - Date.now()));
    }
  })();
  done.catch((error: unknown) => (state.failure = error));
  return {
    get sent() {
      return sent;
    },
    done,
    check() {
      if (state.failure !== undefined)
        throw new Error(`the observer could not store its records: ${String(state.failure)}`, { cause: state.failure });
    },
    async stop() {
      state.on = false;
      await done;
    },
  };
}
