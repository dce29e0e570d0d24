/** Reading what tests collect, without casts at every place. */
import assert from "node:assert/strict";
import type { Message } from "../../nodes/lib/delivery/contract";

/** A property of a message that must have come. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the test names the type that it then checks
export function at<T>(message: Message | undefined, property: string): T {
  assert.ok(message, "no message came");
  return message[property] as T;
}

/** What the message's `error` says. */
export const errorOf = (message: Message | undefined): string =>
  at<Error | undefined>(message, "error")?.message ?? "none";
