/** Reads a folder as a lake with the reader of `lake read`, finishing each record as it comes. */
import path from "node:path";
import { pathTemplate } from "../../../nodes/lib/lake/find";
import { localStore } from "../../../nodes/lib/lake/local";
import { LakeReader } from "../../../nodes/lib/lake/reader";
import type { LakeItem, ReaderOptions, Reading } from "../../../nodes/lib/lake/reading";
import type { Store } from "../../../nodes/lib/lake/store";
import { until } from "../../harness/words";

export interface Whole {
  readonly items: LakeItem[];
  readonly payloads: unknown[];
  readonly troubles: string[];
  readonly warnings: string[];
  readonly reading: Reading | undefined;
}

export interface WholeOptions {
  readonly store?: Store;
  readonly where?: string;
  readonly options?: Partial<ReaderOptions>;
  /** Records that are finished; the reader is closed when the next one has come. */
  readonly finish?: number;
  /** The reader is closed once it has told of so many troubles. */
  readonly troubles?: number;
}

export async function readWhole(
  folder: string,
  { store = localStore(folder), where = "", options = {}, finish = Infinity, troubles: most = 1 }: WholeOptions = {},
): Promise<Whole> {
  const items: LakeItem[] = [];
  const troubles: string[] = [];
  const warnings: string[] = [];
  let finished = 0;
  let isEnough = false;
  const reader = new LakeReader(
    store,
    {
      records: {
        encoding: "utf-8",
        separator: ",",
        columns: [],
        numbers: "automatic",
        nullWords: ["NA"],
        timeColumns: [],
        utcOffset: "",
      },
      rowLimit: 1_000_000,
      batch: 1,
      span: { records: 1_000, bytes: 1e9 },
      ...options,
    },
    {
      deliver(delivery) {
        if (finished + delivery.items.length > finish) {
          isEnough = true;
          return;
        }
        finished += delivery.items.length;
        items.push(...delivery.items);
        setImmediate(() => delivery.finished());
      },
      pressure: () => undefined,
      trouble(error) {
        troubles.push(error.message);
        if (troubles.length >= most) isEnough = true;
      },
      warn: (text) => warnings.push(text),
    },
  );
  let reading: Reading | undefined;
  const read = reader.read(pathTemplate(where, "Path").render({})).then(async (done) => {
    await done.finished();
    reading = done;
  });
  read.catch(() => undefined);
  await until("all is read, or enough", () => isEnough || reading !== undefined, 60_000);
  // what was finished counts, also of the last moment
  await new Promise((resolve) => setImmediate(resolve));
  await reader.close();
  return { items, payloads: items.map(({ payload }) => payload), troubles, warnings, reading };
}

/** A position file of its own, below a folder that is no lake. */
export const positionFile = (folder: string): string => path.join(folder, "..", `${path.basename(folder)}.json`);
