/** The topic where records arrive: which came, when, and in what order. */
import { Tally } from "./numbers";
import type { Ends, Observer } from "./observer";

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
export async function readTopic(observer: Observer, seed: string, topic: string, gaps = false): Promise<TopicPlace> {
  const tally = new Tally(seed);
  const first = new Map<number, number>();
  const partitions = new Map<number, { readonly offset: number; readonly n: number }[]>();
  const again: { readonly n: number; readonly time: number }[] = [];
  await observer.read(
    topic,
    ({ partition, offset, time, value }) => {
      const n = tally.see(value);
      if (n === undefined) return;
      if (first.has(n)) again.push({ n, time });
      else first.set(n, time);
      const list = partitions.get(partition) ?? [];
      partitions.set(partition, list);
      list.push({ offset, n });
    },
    { gaps },
  );
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
