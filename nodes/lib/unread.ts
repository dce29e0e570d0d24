/**
 * Batches that nobody has read yet: their records become messages when `payload` is read, and a sink that meets one
 * before can take the records' bytes as they came.
 */
import type { Message } from "./delivery/contract";

/** The records of such a batch, by their position in it. */
export interface UnreadRecords {
  readonly length: number;
  offset(at: number): number;
  /** ms since the epoch */
  timestamp(at: number): number;
  /** What the payload is decoded from: JSON text on one line, which has been looked at; null for a tombstone. */
  value(at: number): Buffer | null;
  /** Where the value is, without a window for each: in these bytes, which are another's once the message is done … */
  bytes(at: number): Buffer;
  /** … from here on … */
  from(at: number): number;
  /** … so many of them; −1 for a tombstone. */
  sizeOf(at: number): number;
}

/** A batch, all of it of one topic partition of Kafka. */
export interface UnreadBatch {
  /** As `msg.source` of each record says it, its offset apart. */
  readonly source: {
    readonly kind: "kafka";
    readonly topic: string;
    readonly partition: number;
    readonly epoch: number;
    readonly group: string;
  };
  readonly records: UnreadRecords;
}

const unread = new WeakMap<object, { readonly batch: UnreadBatch; readonly get: () => unknown }>();

/**
 * Gives a message the payload that `decode` makes when somebody reads it: a node, a copy, or whoever writes it down.
 * To all of them it is an ordinary property.
 * @param read told when that happens
 */
export function unreadPayload(
  message: Message,
  batch: UnreadBatch,
  decode: () => Message[] | undefined,
  read: () => void,
): void {
  const set = (value: unknown): void => {
    unread.delete(message);
    Object.defineProperty(message, "payload", { value, enumerable: true, configurable: true, writable: true });
  };
  const get = (): unknown => {
    set(decode());
    read();
    return message.payload;
  };
  Object.defineProperty(message, "payload", { get, set, enumerable: true, configurable: true });
  unread.set(message, { batch, get });
}

/** The batch of a message that nobody has read or changed; undefined for every other message. */
export function unreadOf(message: Message): UnreadBatch | undefined {
  const known = unread.get(message);
  // Its payload may have been taken away, or another defined.
  return known && Object.getOwnPropertyDescriptor(message, "payload")?.get === known.get ? known.batch : undefined;
}
