/** Where dead letters lie until somebody replays or discards them: what the two kinds of store have in common. */
import { messageOf } from "../errors";
import type { DeadLetter, Message, NodeRef } from "../delivery/contract";
import type { StoredDeadLetter } from "../delivery/dead-letter-format";

/** A letter with its name. */
export type Letter = StoredDeadLetter & { readonly id: string };

/** What a list of letters shows of one. */
export interface LetterSummary {
  readonly id: string;
  /** When it failed, ISO 8601. */
  readonly time: string;
  /** What failed: the error's message, its beginning. */
  readonly cause: string;
  readonly error: string;
  readonly node?: NodeRef;
  readonly attempts: number;
  /** Where the record came from: a topic or a file's path. */
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  /** The payload's beginning, for people. */
  readonly payload: string;
  /** Bytes that it takes in its store. */
  readonly bytes: number;
}

export interface LetterStore {
  /** Where it is, for people: a folder or a topic. */
  readonly place: string;
  /** Looks for letters that have come. @throws Retriable when it can't look */
  refresh(): Promise<void>;
  /** Letters known, the oldest first as far as it is known. */
  letters(): Iterable<LetterSummary>;
  readonly size: number;
  /** There are more than it keeps in mind: they show once others are done. */
  readonly more: boolean;
  /** A function that makes the letter anew each time; undefined when it is not there any more. */
  read(id: string): Promise<(() => Letter) | undefined>;
  /** Takes letters out of the store. Resolves when that is durable; ids that are not there are left out. */
  done(ids: readonly string[]): Promise<void>;
  /** Stores letters; one with the id of another takes its place. Resolves when they are durable. */
  write(letters: readonly DeadLetter[]): Promise<void>;
  close(): Promise<void>;
}

const SHOWN = 300;
const cut = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

const textOf = (payload: unknown): string => {
  if (Buffer.isBuffer(payload)) return cut(payload.subarray(0, 2 * SHOWN).toString());
  if (typeof payload === "string") return cut(payload);
  try {
    return cut(JSON.stringify(payload) ?? "");
  } catch (error) {
    return `[${messageOf(error)}]`;
  }
};

const sourceOf = (message: Message): Record<string, unknown> => {
  const own = message["source"];
  if (typeof own === "object" && own !== null) return own as Record<string, unknown>;
  const first: unknown = Array.isArray(message.payload) ? message.payload[0] : undefined;
  return typeof first === "object" && first !== null && "source" in first ? sourceOf(first) : {};
};

/** @param bytes that it takes in its store */
export const summaryOf = ({ id, time, error, node, attempts, message }: Letter, bytes: number): LetterSummary => {
  const source = sourceOf(message);
  const topic = source["topic"] ?? source["path"] ?? message.topic;
  const { partition, offset } = source;
  return {
    id,
    time,
    cause: cut(error.message),
    error: error.name,
    ...(node && { node }),
    attempts,
    ...(typeof topic === "string" && { topic }),
    ...(typeof partition === "number" && { partition }),
    ...(typeof offset === "number" && { offset }),
    payload: textOf(message.payload),
    bytes,
  };
};
