/**
 * Which records a state contains, and what was said of them: what comes again, because it failed below or because a
 * process ended before it was committed, must not count twice and gets the same answer.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Delivery } from "../delivery/contract";
import { isObject, type StreamRecord } from "../stream/record";
import type { ResultCodec } from "./store-options";

/** A record's name within its log or file. */
export interface Identity {
  readonly place: string;
  readonly offset: number;
  readonly id: string;
}

/** `[place, id, offset]`, with the result where there is one. */
export type Contained = [place: string, id: string, offset: number, result?: unknown];

/** Identities kept of a place whose source does not say from where it would begin again. */
const MOST = 200_000;
/** The same of records that no source numbers: what is under way. */
const MOST_UNNUMBERED = 10_000;
/** The place of records that no source numbers. */
const UNNUMBERED = "unnumbered";

/**
 * The identity of a record for a key: of Kafka, files and lakes its place and offset, with the part where a node has split
 * it; of a window what it covers, but not of a record that came late for one. undefined where a source does not number its records (MQTT): such a record is new
 * each time it comes.
 */
export function identityOf({ source, window, parts }: StreamRecord, key: string): Identity | undefined {
  const part = isObject(parts) && parts["index"] !== undefined ? `.${String(parts["index"])}` : "";
  if (isObject(window) && window["late"] !== true) {
    const { start, end, count, reason } = window;
    if (typeof end !== "number") return undefined;
    return {
      place: "window",
      offset: end,
      id: `${String(start)}-${end}-${String(count)}-${String(reason)}${part}/${key}`,
    };
  }
  if (!isObject(source)) return undefined;
  const { kind, topic, path, file, partition, offset } = source;
  const number = typeof offset === "string" ? Number(offset) : offset;
  if (typeof number !== "number" || !Number.isSafeInteger(number)) return undefined;
  const place = [kind, topic, path, file, partition]
    .map((one) => (one === undefined ? "" : String(one)))
    .join("\u0000");
  return { place, offset: number, id: `${number}${part}/${key}` };
}

/**
 * The identity of a record that its source does not number, for a node to which a second record with the same content means
 * the same as the first one that comes again.
 */
export const identityByContent = (content: string, key: string): Identity => ({
  place: UNNUMBERED,
  // No offset that a source commits is beyond it.
  offset: Number.MAX_SAFE_INTEGER,
  id: `${content}/${key}`,
});

interface Entry {
  readonly offset: number;
  readonly result: unknown;
}

/** The records of one place, in the order in which they came. */
class Place {
  readonly entries = new Map<string, Entry>();
  /**
   * Goes on where it was: a map keeps the room of what was deleted for a time, and who begins at its front passes over all of that, for
   * each record anew.
   */
  private walk = this.entries.keys();
  private front: string | undefined;

  /** The first of them. */
  get oldest(): string | undefined {
    while (this.front === undefined || !this.entries.has(this.front)) {
      const next = this.walk.next();
      this.front = next.value;
      if (!next.done) continue;
      if (this.entries.size === 0) return undefined;
      this.walk = this.entries.keys();
    }
    return this.front;
  }

  /** Without the first of them, which may come again later as the last. */
  dropOldest(): void {
    const { oldest } = this;
    if (oldest !== undefined) this.entries.delete(oldest);
    this.front = undefined;
  }
}

export class ContainedRecords {
  private readonly places = new Map<string, Place>();

  /** @param most identities of a place whose source does not say from where it would begin again */
  constructor(private readonly most = MOST) {}

  get size(): number {
    let size = 0;
    for (const { entries } of this.places.values()) size += entries.size;
    return size;
  }

  find({ place, id }: Identity): { readonly result: unknown } | undefined {
    return this.places.get(place)?.entries.get(id);
  }

  add({ place, id, offset }: Identity, result: unknown): void {
    let at = this.places.get(place);
    if (!at) this.places.set(place, (at = new Place()));
    at.entries.set(id, { offset, result });
    const most = place === UNNUMBERED ? MOST_UNNUMBERED : this.most;
    if (at.entries.size > most) at.dropOldest();
  }

  /** What lies before this offset comes again no more. */
  forget(place: string, below: number): void {
    const at = this.places.get(place);
    if (!at) return;
    // In the order in which they came, which is nearly that of offsets: what is left over goes with a later call.
    for (let id = at.oldest; id !== undefined && (at.entries.get(id) as Entry).offset < below; id = at.oldest)
      at.dropOldest();
  }

  /** Forgets what the source of a message from this place has committed. */
  forgetCommitted(place: string, emissions: ReturnType<Delivery["emissionsOf"]>): void {
    if (emissions === "ended" || emissions.length !== 1) return;
    const from = emissions[0]?.resumesAt;
    if (from !== undefined) this.forget(place, from);
  }

  /** All that is kept, as `restore` takes it. */
  list(): Contained[] {
    return [...this.places].flatMap(([place, { entries }]) =>
      [...entries].map(([id, { offset, result }]) => containedOf({ place, id, offset }, result)),
    );
  }

  restore(list: readonly Contained[]): void {
    for (const [place, id, offset, result] of list) this.add({ place, id, offset }, result);
  }
}

/** Records that are written in one turn of the event loop: well under a millisecond. */
const TOGETHER = 128;

/** Records as a file has them, as JSON, in pieces between which the event loop turns. */
export async function writtenBy(results: ResultCodec | undefined, list: readonly Contained[]): Promise<string[]> {
  const texts: string[] = [];
  for (let from = 0; from < list.length; from += TOGETHER) {
    if (from > 0) await turn();
    const piece = list.slice(from, from + TOGETHER);
    const written = results ? eachResult(piece, (result) => results.encode(result)) : piece;
    texts.push(JSON.stringify(written).slice(1, -1));
  }
  return texts;
}

/** Records as they were before a file had them. */
export const readBy = (results: ResultCodec | undefined, list: readonly Contained[]): readonly Contained[] =>
  results ? eachResult(list, (result) => results.decode(result)) : list;

const eachResult = (list: readonly Contained[], change: (result: unknown) => unknown): Contained[] =>
  list.map(([place, id, offset, result]) =>
    containedOf({ place, id, offset }, result === undefined ? undefined : change(result)),
  );

export const containedOf = ({ place, id, offset }: Identity, result: unknown): Contained =>
  result === undefined ? [place, id, offset] : [place, id, offset, result];
