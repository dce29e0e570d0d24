/** Several streams of lists as one. */

/** One after the other. */
export async function* concatenated<T>(streams: readonly AsyncGenerator<T[], void>[]): AsyncGenerator<T[], void> {
  for (const stream of streams) yield* stream;
}

interface Head<T> {
  readonly stream: AsyncGenerator<T[], void>;
  items: readonly T[];
  at: number;
}

/**
 * In the order of `time`, as far as each stream is in order itself: the smallest first element goes next, and of equal
 * ones that of the earlier stream.
 */
export async function* merged<T>(
  streams: readonly AsyncGenerator<T[], void>[],
  time: (item: T) => number,
): AsyncGenerator<T[], void> {
  const heads: Head<T>[] = [];
  try {
    for (const stream of streams) {
      const head = { stream, items: [] as T[], at: 0 };
      heads.push(head);
      if (!(await refill(head))) heads.pop();
    }
    while (heads.length > 0) {
      const list: T[] = [];
      let empty: Head<T> | undefined;
      while (!empty) {
        const next = earliest(heads, time);
        list.push(next.items[next.at] as T);
        next.at += 1;
        if (next.at === next.items.length) empty = next;
      }
      yield list;
      if (!(await refill(empty))) heads.splice(heads.indexOf(empty), 1);
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.return()));
  }
}

function earliest<T>(heads: readonly Head<T>[], time: (item: T) => number): Head<T> {
  let best = heads[0] as Head<T>;
  let bestTime = Infinity;
  for (const head of heads) {
    const its = time(head.items[head.at] as T);
    if (its < bestTime) {
      best = head;
      bestTime = its;
    }
  }
  return best;
}

async function refill<T>(head: Head<T>): Promise<boolean> {
  for (;;) {
    const { done, value } = await head.stream.next();
    if (done) return false;
    if (value.length === 0) continue;
    head.items = value;
    head.at = 0;
    return true;
  }
}
