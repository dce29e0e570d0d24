/** What tests of the lake's writer share. */
import { ndjson } from "../../../nodes/lib/formats/ndjson";
import { textFile } from "../../../nodes/lib/formats/text-file";
import type { LakeRecord } from "../../../nodes/lib/lake/place";
import type { FileStore, LakeStore } from "../../../nodes/lib/lake/store";
import { LakeWriter, type Stored, type WriterOptions } from "../../../nodes/lib/lake/writer";

export const forever = { records: 1e9, bytes: 1e9, age: 1e9, idle: 0 };

const writers: LakeWriter[] = [];
afterEach(() => Promise.all(writers.splice(0).map((writer) => writer.close(2000))));

/** A writer with everything off that a test does not ask for; what it stored is listed. */
export function writerOn(store: LakeStore, options: Partial<WriterOptions> = {}): LakeWriter & { files: Stored[] } {
  const files: Stored[] = [];
  const writer = new LakeWriter(store, {
    node: "node-1",
    format: () => textFile(ndjson),
    limits: forever,
    create: {},
    once: true,
    memory: 64e6,
    files: 100,
    stored: (stored) => files.push(stored),
    ...options,
  });
  writers.push(writer);
  return Object.assign(writer, { files });
}

export const from = (offset: number, value: unknown = { offset }, directory = "d"): LakeRecord => ({
  value,
  directory,
  index: 0,
  origin: { topic: "t", partition: 0, offset, group: "g" },
});

/** Whole numbers from one to another, both included. */
export const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);

/** A store that writes no file before it is told to go on. */
export function held(store: FileStore): { store: FileStore; open(): void; readonly begun: number } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let begun = 0;
  return {
    store: {
      ...store,
      create: async (file, ...rest) => {
        if (!file.endsWith("claim")) {
          begun++;
          await opened;
        }
        await store.create(file, ...rest);
      },
    },
    open: () => open(),
    get begun() {
      return begun;
    },
  };
}
