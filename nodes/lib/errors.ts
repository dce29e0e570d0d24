/** Errors say who must act: the user, time, or nobody because the record itself is wrong. */
import { isNativeError } from "node:util/types";
import type { FailedElement } from "./delivery/contract";

/** A setting is wrong: nothing works until the user changes it. The message names the setting and what to enter. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** It may work later: tried again with back-off. */
export class Retriable extends Error {
  override readonly name: string = "Retriable";
  readonly retriable = true;
  /** The server could not be reached at all: back-pressure, which never counts as a try. */
  readonly unreachable: boolean;
  constructor(message: string, options: ErrorOptions & { unreachable?: boolean } = {}) {
    super(message, options);
    this.unreachable = options.unreachable ?? false;
  }
}

/** The source has undone this try, and the record comes again: no server is away, and no try is used up. */
export class Undone extends Retriable {
  readonly undone = true;
  constructor(message: string) {
    super(message, { unreachable: true });
  }
}

/** This record will never succeed: it goes to dead letters at once. */
export class Rejected extends Error {
  override readonly name = "Rejected";
  readonly retriable = false;
}

/** Some elements of a batch failed; the others are done. Only these are tried again or dead-lettered. */
export class BatchFailure extends Error {
  override readonly name = "BatchFailure";
  constructor(
    message: string,
    readonly elements: readonly FailedElement[],
  ) {
    super(message);
  }
}

/** The failure of a batch of `all` records of which a sink could not store some; it names the first. */
export function notStored(failed: readonly FailedElement[], all: number): BatchFailure {
  const sorted = failed.toSorted((a, b) => a.index - b.index);
  const [first] = sorted;
  return new BatchFailure(
    `${sorted.length} of ${all} records were not stored; the first: ${first?.error.message}`,
    sorted,
  );
}

/** Function nodes run in a realm of their own, whose errors are no instances of this one's. */
const isError = (thrown: unknown): thrown is Error => thrown instanceof Error || isNativeError(thrown);

const textOf = (thrown: object): string => {
  if ("message" in thrown && typeof thrown.message === "string") return thrown.message;
  try {
    return JSON.stringify(thrown);
  } catch {
    return Object.prototype.toString.call(thrown);
  }
};

/** What a thrown value says, whatever was thrown. */
export const messageOf = (thrown: unknown): string => {
  if (isError(thrown)) return thrown.message;
  return typeof thrown === "object" && thrown !== null ? textOf(thrown) : String(thrown);
};

/** What judges an error (delivery/failure-kind.ts), in plain objects that nodes report as errors as well. */
const TELLING = ["name", "code", "status", "statusCode", "response", "cause"] as const;

/** The thrown value as an Error. */
export const asError = (thrown: unknown): Error => {
  if (isError(thrown)) return thrown;
  const error = new Error(messageOf(thrown));
  if (typeof thrown === "object" && thrown !== null)
    for (const key of TELLING)
      if (key in thrown)
        Object.defineProperty(error, key, { value: (thrown as Record<string, unknown>)[key], configurable: true });
  return error;
};
