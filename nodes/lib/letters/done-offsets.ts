/** Offsets of letters that are done though earlier ones are not: what a group's committed offset can't say. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { syncDirectory } from "../durable";

/** Offsets of a partition, `next` is the one after the last. */
export interface Run {
  readonly partition: number;
  readonly first: number;
  readonly next: number;
}

export interface DoneOffsets {
  has(partition: number, offset: number): boolean;
  /** Resolves when they are durable. */
  add(runs: readonly Run[]): Promise<void>;
  /** Those below are committed and need not be kept. */
  below(partition: number, offset: number): void;
  /** The id of the topic that they are offsets of, as far as it is known. */
  readonly topic: string | undefined;
  /** They are offsets of the topic of this id from now on; those of another are dropped. Resolves when that is durable. */
  of(topicId: string): Promise<void>;
}

/** The file is written anew when it has so many lines more than twice those that say the same. */
const SUPERFLUOUS = 10_000;

/** Partition, first offset, the one after the last. What a kill has torn can't read like another line. */
const LINE = /^\+(\d+) (\d+) (\d+);$/u;
/** The id of the topic, of which are the lines that follow. */
const TOPIC = /^=([\w-]+);$/u;
/** Of the first version: partition and offset. */
const FIRST_VERSION = /^(\d+) (\d+)$/u;

/**
 * Done offsets of one partition. Neighbours are one run, so that memory grows with the letters that wait between them,
 * however many are done behind one that nobody touches.
 */
class Runs {
  private runs: { first: number; next: number }[] = [];

  get size(): number {
    return this.runs.length;
  }

  *[Symbol.iterator](): Generator<{ readonly first: number; readonly next: number }> {
    yield* this.runs;
  }

  /** Index of the first run that ends at the offset or beyond. */
  private reach(offset: number): number {
    let [low, high] = [0, this.runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.runs[middle]?.next ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(offset: number): boolean {
    const run = this.runs[this.reach(offset + 1)];
    return run !== undefined && run.first <= offset;
  }

  add(first: number, next: number): void {
    const start = this.reach(first);
    let end = start;
    let made = { first, next };
    for (let run = this.runs[end]; run !== undefined && run.first <= made.next; run = this.runs[++end])
      made = { first: Math.min(made.first, run.first), next: Math.max(made.next, run.next) };
    this.runs.splice(start, end - start, made);
  }

  below(offset: number): void {
    this.runs.splice(0, this.reach(offset + 1));
    const [run] = this.runs;
    if (run !== undefined && run.first < offset) run.first = offset;
  }
}

export async function openDoneOffsets(file: string): Promise<DoneOffsets> {
  const partitions = new Map<number, Runs>();
  let lines = 0;
  let topic: string | undefined;
  let turn: Promise<void> = Promise.resolve();
  const runsOf = (partition: number): Runs => {
    const known = partitions.get(partition);
    if (known) return known;
    const made = new Runs();
    partitions.set(partition, made);
    return made;
  };
  const stored = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  /** Lines of before the first id are of that topic: earlier versions wrote none. */
  const isOf = (id: string): void => {
    if (topic !== undefined && topic !== id) partitions.clear();
    topic = id;
  };
  for (const line of stored.split("\n").slice(0, -1)) {
    const id = TOPIC.exec(line)?.[1];
    if (id !== undefined) isOf(id);
    const [, partition, first, next] = (LINE.exec(line) ?? FIRST_VERSION.exec(line) ?? []).map(Number);
    lines += 1;
    if (partition !== undefined && first !== undefined) runsOf(partition).add(first, next || first + 1);
  }
  await mkdir(path.dirname(file), { recursive: true });

  const write = async (name: string, flags: string, text: string): Promise<void> => {
    const handle = await open(name, flags);
    try {
      await handle.appendFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  };
  const lineOf = (partition: number, first: number, next: number): string => `+${partition} ${first} ${next};\n`;

  const topicLine = (id: string): string => `=${id};\n`;

  const writeAnew = async (): Promise<void> => {
    const runLines = [...partitions].flatMap(([partition, runs]) =>
      [...runs].map(({ first, next }) => lineOf(partition, first, next)),
    );
    const all = topic === undefined ? runLines : [topicLine(topic), ...runLines];
    await write(`${file}.new`, "w", all.join(""));
    await rename(`${file}.new`, file);
    await syncDirectory(path.dirname(file));
    lines = all.length;
  };

  /** One write after the other, whatever became of the one before. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.catch(() => undefined).then(work);
    turn = next.then(() => undefined);
    turn.catch(() => undefined);
    return next;
  };

  return {
    has: (partition, offset) => partitions.get(partition)?.has(offset) ?? false,
    add: (added) =>
      inTurn(async () => {
        const needed = [...partitions.values()].reduce((sum, { size }) => sum + size, 0);
        if (lines > 2 * needed + SUPERFLUOUS) await writeAnew();
        const text = added.map(({ partition, first, next }) => lineOf(partition, first, next)).join("");
        // Begins with a line end: what is torn before it stays apart.
        await write(file, "a", `\n${text}`);
        lines += added.length + 1;
        for (const { partition, first, next } of added) runsOf(partition).add(first, next);
      }),
    of: (id) =>
      inTurn(async () => {
        if (topic === id) return;
        await write(file, "a", `\n${topicLine(id)}`);
        lines += 2;
        isOf(id);
      }),
    get topic() {
      return topic;
    },
    below: (partition, offset) => partitions.get(partition)?.below(offset),
  };
}
