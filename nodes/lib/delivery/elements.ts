/** Which of a source's records failed, when a node names elements of the batch that it received. */
import { isDeepStrictEqual } from "node:util";
import type { FailedElement } from "./contract";
import type { TokenFailure } from "./token";

const coordinatesOf = (element: unknown): unknown =>
  typeof element === "object" && element !== null && "source" in element ? element.source : undefined;

/**
 * Translates positions in the payload that a node received into positions in the payload that the source sent. What
 * was wired between may have filtered or sorted the batch, so elements are recognised by their `source` coordinates.
 * Without coordinates, positions are believed only when the batch has kept its length.
 *
 * @param sent the payload as the source would send it again
 * @returns undefined when any failed element can't be recognised: then everything must count as failed
 */
export const failedOf = (failure: TokenFailure, sent: unknown): readonly FailedElement[] | undefined => {
  const failed = new Map<number, FailedElement>();
  for (let part: TokenFailure | undefined = failure; part !== undefined; part = part.also) {
    const found = failedOfPart(part, sent);
    if (found === undefined) return undefined;
    for (const element of found) if (!failed.has(element.index)) failed.set(element.index, element);
  }
  return [...failed.values()].sort((a, b) => a.index - b.index);
};

const failedOfPart = (failure: TokenFailure, sent: unknown): readonly FailedElement[] | undefined => {
  const { elements, payload } = failure;
  if (elements === undefined || elements.length === 0 || !Array.isArray(sent)) return undefined;
  if (payload !== undefined && !Array.isArray(payload)) return undefined;
  const received: readonly unknown[] = payload ?? sent;
  const failed = new Map<number, FailedElement>();
  for (const { index, error } of elements) {
    if (!Number.isInteger(index) || index < 0 || index >= received.length) return undefined;
    const coordinates = coordinatesOf(received[index]);
    let position = index;
    if (coordinates === undefined) {
      if (received.length !== sent.length || coordinatesOf(sent[index]) !== undefined) return undefined;
    } else if (!isDeepStrictEqual(coordinatesOf(sent[index]), coordinates)) {
      position = sent.findIndex((element) => isDeepStrictEqual(coordinatesOf(element), coordinates));
      if (position < 0) return undefined;
    }
    failed.set(position, { index: position, error });
  }
  return [...failed.values()];
};
