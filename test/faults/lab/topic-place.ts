/** The topic where records arrive: which came, when, and in what order. */
import { readStoredByJava, type Stored } from "../../lib/kafka/java";
import { Tally } from "./numbers";
import type { Ends, Found, Observer } from "./observer";

export interface TopicPlace {
  readonly tally: Tally;
  /** ms since 1970 by the broker's clock, of the first arrival; Infinity when it never came. */
  firstArrival(n: number): number;
  /** The numbers that came before the topic's partitions ended here. */
  before(ends: Ends): Iterable<number>;
  /** Numbers that came again more than `grace` ms after `time(n)`. */
  againAfter(time: (n: number) => number, grace: number): number[];
}

/** Reads the whole topic; it was created with `appendTime`. */
export const readTopic = (observer: Observer, seed: string, topic: string): Promise<TopicPlace> =>
  placeOf(seed, (see) => observer.read(topic, see));

/** What ends each partition of a topic of transactions for its reader. */
const LAST = "the last one";
/** How long nothing may come until a reader of more than was sent gives up, in ms. */
const SILENCE = 15_000;

/**
 * Reads what transactions have committed in a topic of about so many records, by Java's client: kafkajs lets records of
 * aborted transactions through where several producers write to a partition, since it takes the broker's list of them,
 * which is in the order of their ends, for one in the order of their beginnings (KafkaJS 2.2.4, filterAbortedMessages).
 */
export const readCommitted = (observer: Observer, seed: string, topic: string, records: number): Promise<TopicPlace> =>
  placeOf(seed, async (see) => {
    const partitions = [...(await observer.ends(topic)).keys()];
    for (const partition of partitions) await observer.write(topic, partition, [LAST]);
    const read = async (most: number, silence?: number): Promise<readonly Stored[] | undefined> => {
      const found = await readStoredByJava(observer.brokers, topic, most, silence);
      const ends = found.filter(({ value }) => value === LAST).length;
      return ends === partitions.length ? found.filter(({ value }) => value !== LAST) : undefined;
    };
    // Were there more than was sent, not all ends would be among the first.
    const found = (await read(records + partitions.length)) ?? (await read(10 * records, SILENCE));
    if (!found) throw new Error(`the end of ${topic} was not reached`);
    for (const one of found) see(one);
  });

async function placeOf(
  seed: string,
  read: (see: (found: Pick<Found, "partition" | "offset" | "time" | "value">) => void) => Promise<void>,
): Promise<TopicPlace> {
  const tally = new Tally(seed);
  const first = new Map<number, number>();
  const partitions = new Map<number, { readonly offset: number; readonly n: number }[]>();
  const again: { readonly n: number; readonly time: number }[] = [];
  await read(({ partition, offset, time, value }) => {
    const n = tally.see(value);
    if (n === undefined) return;
    if (first.has(n)) again.push({ n, time });
    else first.set(n, time);
    const list = partitions.get(partition) ?? [];
    partitions.set(partition, list);
    list.push({ offset, n });
  });
  for (const { n, time } of again) first.set(n, Math.min(first.get(n) ?? time, time));
  return {
    tally,
    firstArrival: (n) => first.get(n) ?? Infinity,
    *before(ends) {
      for (const [partition, list] of partitions)
        for (const { offset, n } of list) if (offset < (ends.get(partition) ?? 0)) yield n;
    },
    againAfter: (timeOf, grace) => again.filter(({ n, time }) => time > timeOf(n) + grace).map(({ n }) => n),
  };
}
