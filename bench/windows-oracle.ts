/**
 * What windows should be, by the documented rules alone and without a line of the node's: of each record the watermark
 * before it, computed anew from all partitions, and by it the windows that the record still joins.
 */
import { RULES, batchesOf, keyName, type Stream } from "./windows-data";

export interface Kind {
  readonly name: string;
  readonly by: "event" | "session";
  /** ms */
  readonly size: number;
  readonly hop: number;
  readonly gap: number;
}

/** What a window holds, but for the order: the sums of two hashes of 32 bits stand for the set of its ids. */
export interface Content {
  count: number;
  sum: number;
  min: number;
  max: number;
  ids: number;
  digests: [number, number];
}

export const empty = (): Content => ({ count: 0, sum: 0, min: Infinity, max: -Infinity, ids: 0, digests: [0, 0] });

export function include(content: Content, { value, hashes }: Stream, id: number): void {
  const own = value[id] as number;
  content.count++;
  content.sum += own;
  content.min = Math.min(content.min, own);
  content.max = Math.max(content.max, own);
  content.ids += id;
  content.digests[0] += hashes[0][id] as number;
  content.digests[1] += hashes[1][id] as number;
}

/** A window as all three sides write it. */
export const lineOf = (key: string, start: number, end: number, content: Content): string => {
  const { count, sum, min, max, ids, digests } = content;
  return [key, start, end, count, sum, min, max, ids, ...digests].join(",");
};

/**
 * The watermark before each record, by its place in the stream's order. The clock moves from batch to batch, and that a
 * partition fell silent may be seen before a batch or after it: a stream in which a record is judged by that is refused.
 */
export function watermarksOf(stream: Stream): Float64Array {
  const watermarks = watermarksBy(stream, "before");
  const others = watermarksBy(stream, "after");
  stream.order.forEach((id, place) => {
    const [one, other] = [watermarks[place] as number, others[place] as number];
    if (one !== other && (stream.time[id] as number) < Math.max(one, other))
      throw new Error(`record ${id} comes just when a partition is left out: it may be late or not; take another seed`);
  });
  return watermarks;
}

/** @param looks when the clock is looked at: before and after each batch, or only after it */
function watermarksBy(stream: Stream, looks: "before" | "after"): Float64Array {
  const before = new Float64Array(stream.order.length);
  const newest = new Map<number, number>();
  const seen = new Map<number, number>();
  const awake = new Set<number>();
  let began: number | undefined;
  let waited = false;
  let watermark = -Infinity;
  let place = 0;
  const move = (): void => {
    if (awake.size === 0 || (newest.size < RULES.partitions && !waited)) return;
    const lowest = Math.min(...[...awake].map((partition) => newest.get(partition) as number));
    watermark = Math.max(watermark, lowest - RULES.disorder);
  };
  const look = (now: number): void => {
    waited ||= began !== undefined && now - began >= RULES.idle;
    for (const [partition, last] of seen) if (now - last >= RULES.idle) awake.delete(partition);
    move();
  };
  for (const { ids, now } of batchesOf(stream)) {
    if (looks === "before") look(now);
    for (const id of ids) {
      before[place++] = watermark;
      began ??= now;
      const partition = stream.partition[id] as number;
      newest.set(partition, Math.max(newest.get(partition) ?? -Infinity, stream.time[id] as number));
      seen.set(partition, now);
      awake.add(partition);
      move();
    }
    look(now);
  }
  return before;
}

export interface Expected {
  /** A line a window. */
  readonly windows: string[];
  readonly late: Set<number>;
  /** Records that are in some of their windows only: the others were over. */
  readonly partly: number;
}

export function expectedOf(stream: Stream, watermarks: Float64Array, kind: Kind): Expected {
  return kind.by === "session" ? sessionsOf(stream, watermarks, kind) : gridOf(stream, watermarks, kind);
}

function gridOf(stream: Stream, watermarks: Float64Array, { size, hop }: Kind): Expected {
  const windows = new Map<string, { key: string; start: number; content: Content }>();
  const late = new Set<number>();
  let partly = 0;
  stream.order.forEach((id, place) => {
    const [key, time] = [keyName(stream.key[id] as number), stream.time[id] as number];
    let [all, joined] = [0, 0];
    for (let k = Math.floor(time / hop); k * hop + size > time; k--) {
      all++;
      if (k * hop + size <= (watermarks[place] as number)) continue;
      joined++;
      const name = `${key} ${k}`;
      let window = windows.get(name);
      if (!window) windows.set(name, (window = { key, start: k * hop, content: empty() }));
      include(window.content, stream, id);
    }
    if (joined === 0) late.add(id);
    else if (joined < all) partly++;
  });
  const lines = [...windows.values()].map(({ key, start, content }) => lineOf(key, start, start + size, content));
  return { windows: lines, late, partly };
}

/**
 * A key's records that are no further apart than the gap. A session is over when the watermark has passed its end, and a
 * record that meets none that still goes on is late when its own would be over at once.
 */
function sessionsOf(stream: Stream, watermarks: Float64Array, { gap }: Kind): Expected {
  interface Session {
    start: number;
    last: number;
    ids: number[];
  }
  const lines: string[] = [];
  const open = new Map<string, Session[]>();
  const late = new Set<number>();
  const close = (key: string, { start, last, ids }: Session): void => {
    const content = empty();
    for (const id of ids) include(content, stream, id);
    lines.push(lineOf(key, start, last + gap, content));
  };
  stream.order.forEach((id, place) => {
    const [key, time] = [keyName(stream.key[id] as number), stream.time[id] as number];
    const watermark = watermarks[place] as number;
    const sessions: Session[] = [];
    for (const session of open.get(key) ?? [])
      if (session.last + gap < watermark) close(key, session);
      else sessions.push(session);
    const apart = (session: Session): boolean => time > session.last + gap || time < session.start - gap;
    const [one, ...more] = sessions.filter((session) => !apart(session));
    open.set(
      key,
      sessions.filter((session) => !more.includes(session)),
    );
    if (one) {
      one.start = Math.min(time, one.start, ...more.map(({ start }) => start));
      one.last = Math.max(time, one.last, ...more.map(({ last }) => last));
      if (more.length > 0) one.ids = one.ids.concat(...more.map(({ ids }) => ids));
      one.ids.push(id);
    } else if (time + gap < watermark) late.add(id);
    else open.get(key)?.push({ start: time, last: time, ids: [id] });
  });
  for (const [key, sessions] of open) for (const session of sessions) close(key, session);
  return { windows: lines, late, partly: 0 };
}
