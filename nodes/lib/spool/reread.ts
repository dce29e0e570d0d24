/** Reads entries of a spool a second time: those that were left when the others were taken. */
import { readEntries, type Entries, type Segment } from "./segments";

export interface Rereadable {
  readonly segments: readonly Segment[];
  /** Number of the entry up to which was read. */
  readTo(): number;
}

export interface Rereader {
  /** The next entries, about a megabyte; undefined where the spool was read to. Call it once at a time. */
  read(): Promise<Entries | undefined>;
  /** Number of the entry that is read next. */
  readonly next: number;
}

/**
 * From the entry `from` on, acknowledged or not, up to where the spool was read. Damage is passed over: it was told when it was
 * read first.
 */
export const reread = (spool: Rereadable, from: number): Rereader => {
  let next = from;
  let cursor: { readonly segment: Segment; number: number; byte: number } | undefined;
  const read = async (): Promise<Entries | undefined> => {
    for (;;) {
      const to = spool.readTo();
      const segment = spool.segments.find(({ first, count }) => next < first + count);
      if (next >= to || !segment) return undefined;
      next = Math.max(next, segment.first);
      if (cursor?.segment !== segment || cursor.number > next) cursor = { segment, number: segment.first, byte: 0 };
      const { number, byte } = cursor;
      let found;
      try {
        found = await readEntries(segment.path, byte, segment.bytes);
      } catch (error) {
        // All of it was acknowledged meanwhile, and its file removed.
        if (!spool.segments.includes(segment)) continue;
        throw error;
      }
      const { contents, end, damaged } = found;
      if (damaged || contents.length === 0) {
        next = segment.first + segment.count;
        continue;
      }
      cursor.number += contents.length;
      cursor.byte = end;
      const first = next;
      const wanted = contents.slice(Math.max(0, first - number), Math.max(0, to - number));
      if (wanted.length === 0) continue;
      next = first + wanted.length;
      return { first, contents: wanted };
    }
  };
  return {
    read,
    get next() {
      return next;
    },
  };
};
