/**
 * Which records a state contains, and what was said of them: what comes again, because it failed below or because a
 * process ended before it was committed, must not count twice and gets the same answer.
 */
import type { Delivery } from "../delivery/contract";
import { isObject, type StreamRecord } from "../stream/record";

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

/**
 * The identity of a record for a key: of Kafka, files and lakes its place and offset, with the part where a node has split
 * it; of a window what it covers. undefined where a source does not number its records (MQTT): such a record is new
 * each time it comes.
 */
export function identityOf({ source, window, parts }: StreamRecord, key: string): Identity | undefined {
  const part = isObject(parts) && parts["index"] !== undefined ? `.${String(parts["index"])}` : "";
  if (isObject(window)) {
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

interface Entry {
  readonly offset: number;
  readonly result: unknown;
}

export class ContainedRecords {
  private readonly places = new Map<string, Map<string, Entry>>();

  get size(): number {
    let size = 0;
    for (const entries of this.places.values()) size += entries.size;
    return size;
  }

  find({ place, id }: Identity): { readonly result: unknown } | undefined {
    return this.places.get(place)?.get(id);
  }

  add({ place, id, offset }: Identity, result: unknown): void {
    let entries = this.places.get(place);
    if (!entries) this.places.set(place, (entries = new Map()));
    entries.set(id, { offset, result });
    if (entries.size > MOST) for (const oldest of entries.keys()) if (entries.delete(oldest)) break;
  }

  /** What lies before this offset comes again no more. */
  forget(place: string, below: number): void {
    const entries = this.places.get(place);
    if (!entries) return;
    // In the order in which they came, which is nearly that of offsets: what is left over goes with a later call.
    for (const [id, { offset }] of entries) {
      if (offset >= below) return;
      entries.delete(id);
    }
  }

  /** Forgets what the source of a message from this place has committed. */
  forgetCommitted(place: string, emissions: ReturnType<Delivery["emissionsOf"]>): void {
    if (emissions === "ended" || emissions.length !== 1) return;
    const from = emissions[0]?.resumesAt;
    if (from !== undefined) this.forget(place, from);
  }

  /** All that is kept, as `restore` takes it. */
  list(): Contained[] {
    return [...this.places].flatMap(([place, entries]) =>
      [...entries].map(([id, { offset, result }]) => containedOf({ place, id, offset }, result)),
    );
  }

  restore(list: readonly Contained[]): void {
    for (const [place, id, offset, result] of list) this.add({ place, id, offset }, result);
  }
}

export const containedOf = ({ place, id, offset }: Identity, result: unknown): Contained =>
  result === undefined ? [place, id, offset] : [place, id, offset, result];
