/** What a broker's answer to a batch means: https://kafka.apache.org/protocol#protocol_error_codes */
import type { ProtocolError } from "./producer-wire";

export type Verdict =
  | "stored"
  /** It was stored before: the answer got lost. Where, the broker no longer knows. */
  | "stored before"
  /** Larger than the topic takes. */
  | "too large"
  /** One of its records is refused. */
  | "spoiled"
  /** The broker does not know this producer, or not as the one that wrote last. */
  | "new producer"
  /** Never, whatever is in the batch. */
  | "refused"
  /** Later; it is not stored. */
  | "not yet"
  /** Later; whether it is stored is not known. */
  | "again";

const UNKNOWN_SERVER_ERROR = -1;
const CORRUPT_MESSAGE = 2;
/** MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE. */
const TOO_LARGE = new Set([10, 18]);
const INVALID_RECORD = 87;
/** INVALID_TIMESTAMP, INVALID_RECORD. */
const SPOILED = new Set([32, INVALID_RECORD]);
/** OUT_OF_ORDER_SEQUENCE, INVALID_PRODUCER_EPOCH, UNKNOWN_PRODUCER_ID, PRODUCER_FENCED. */
const NEW_PRODUCER = new Set([45, 47, 59, 90]);
const DUPLICATE_SEQUENCE = 46;
/**
 * UNKNOWN_TOPIC_OR_PARTITION, NOT_ENOUGH_REPLICAS: said before anything is written, unlike NOT_LEADER_OR_FOLLOWER, which may
 * also come when the leader has moved after that.
 */
const UNWRITTEN = new Set([3, 19]);

/** Answers without a reason may be a broker's bad moment, or a batch that it can't digest: that is told by so many in a row. */
const MOST = 10;

/** @param inRow how often in a row the batch has been answered by this code, this time included */
export const verdictOf = (code: number, error: (code: number) => ProtocolError, inRow: number): Verdict => {
  if (code === 0) return "stored";
  if (code === DUPLICATE_SEQUENCE) return "stored before";
  if (TOO_LARGE.has(code)) return "too large";
  if (SPOILED.has(code)) return "spoiled";
  if (NEW_PRODUCER.has(code)) return "new producer";
  if (code === UNKNOWN_SERVER_ERROR || code === CORRUPT_MESSAGE) return inRow < MOST ? "again" : "spoiled";
  if (UNWRITTEN.has(code)) return "not yet";
  return error(code).retriable === true ? "again" : "refused";
};

/** Whether it was said before anything was written. */
export const wasUnwritten = (code: number): boolean => UNWRITTEN.has(code);

/** A broker's reason for people. */
export const reasonOf = (code: number, error: (code: number) => ProtocolError): string => {
  if (code === INVALID_RECORD) return "INVALID_RECORD: a compacted topic takes none without key, for example";
  const { type, message } = error(code);
  return `${type}: ${message}`;
};
