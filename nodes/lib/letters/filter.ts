/** Which letters are meant: what a user types in the editor, and what a message asks for. */
import { Rejected } from "../errors";
import type { LetterSummary } from "./store";

export interface LetterFilter {
  readonly ids?: readonly string[];
  /** Text in the cause, the node's name or type, the topic, or the payload's beginning; any case. */
  readonly search?: string;
  /** A node's id or name. */
  readonly node?: string;
  /** The topic, or the file's path, that the record came from. */
  readonly topic?: string;
  readonly partition?: number;
  /** Text in the cause; any case. */
  readonly cause?: string;
  /** First and last time of failing, ms since the epoch. */
  readonly from?: number;
  readonly to?: number;
  /** At least so many tries. */
  readonly attempts?: number;
}

const text = (value: unknown, name: string): string => {
  if (typeof value !== "string") throw new Rejected(`${name}: give a text`);
  return value;
};
const number = (value: unknown, name: string): number => {
  const read = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof read !== "number" || !Number.isFinite(read)) throw new Rejected(`${name}: give a number`);
  return read;
};
const time = (value: unknown, name: string): number => {
  const read = typeof value === "string" ? Date.parse(value) : value;
  if (typeof read !== "number" || !Number.isFinite(read))
    throw new Rejected(`${name}: give a time, as ISO 8601 or in ms since 1970`);
  return read;
};
const ids = (value: unknown): readonly string[] => {
  if (!Array.isArray(value)) throw new Rejected("ids: give a list of letters' ids");
  return value.map((id) => text(id, "ids"));
};

const READERS: Readonly<Record<keyof LetterFilter, (value: unknown, name: string) => unknown>> = {
  ids,
  search: text,
  node: text,
  topic: text,
  partition: number,
  cause: text,
  from: time,
  to: time,
  attempts: number,
};

/**
 * @param value an object with properties of `LetterFilter`; others are left alone, empty ones mean nothing
 * @throws Rejected naming the property
 */
export function readFilter(value: Readonly<Record<string, unknown>>): LetterFilter {
  const filter: Record<string, unknown> = {};
  for (const [name, read] of Object.entries(READERS)) {
    const given = value[name];
    if (given !== undefined && given !== null && given !== "") filter[name] = read(given, name);
  }
  return filter;
}

const has = (whole: string | undefined, part: string): boolean => whole?.toLowerCase().includes(part) ?? false;

/** Whether a letter is meant. */
export function matcher(filter: LetterFilter): (letter: LetterSummary) => boolean {
  const { node, topic, partition, from = -Infinity, to = Infinity, attempts = 0 } = filter;
  const chosen = filter.ids && new Set(filter.ids);
  const search = filter.search?.toLowerCase();
  const cause = filter.cause?.toLowerCase();
  return (letter) => {
    if (chosen && !chosen.has(letter.id)) return false;
    if (node !== undefined && letter.node?.id !== node && letter.node?.name !== node) return false;
    if (topic !== undefined && letter.topic !== topic) return false;
    if (partition !== undefined && letter.partition !== partition) return false;
    if (cause !== undefined && !has(letter.cause, cause)) return false;
    if (letter.attempts < attempts) return false;
    if (from > -Infinity || to < Infinity) {
      const failed = Date.parse(letter.time);
      if (failed < from || failed > to) return false;
    }
    return (
      search === undefined ||
      [letter.cause, letter.error, letter.node?.name, letter.node?.type, letter.topic, letter.payload, letter.id].some(
        (whole) => has(whole, search),
      )
    );
  };
}
