/** Messages that came, and what of them waits: themselves, or each record of a batch. */
import { recordAt } from "../../lib/batch";
import { TOKEN, type FailedElement, type Leg, type Message } from "../../lib/delivery/contract";
import { BatchFailure } from "../../lib/errors";
import { extended } from "../../lib/extended";
import type { Waiting } from "../../lib/spool/overflow";

/** A message that came. */
export interface Input {
  readonly message: Message;
  /** A source would bring it again. */
  readonly tracked: boolean;
  /** Records that were in it when it was split. */
  readonly batch: number | undefined;
  /** What wait of it. */
  waiting: number;
  bytes: number;
  readonly failed: FailedElement[];
  /** Where only the `source` of its records is, once their content went to disk. */
  coordinates: readonly unknown[] | undefined;
  endHold?: () => void;
  /** Called when nothing of it waits any more. */
  finish?: () => void;
}

/** @param batch records that are in it when it is split. It counts itself as waiting until all of it has come. */
export const newInput = (message: Message, tracked: boolean, batch: number | undefined): Input => ({
  message,
  tracked,
  batch,
  waiting: 1,
  bytes: 0,
  failed: [],
  coordinates: undefined,
});

/** What waits for its turn. */
export interface Entry extends Waiting {
  readonly message: Message;
  readonly input: Input;
  /** Position in the batch. */
  readonly index: number | undefined;
  readonly key: string;
  /** When it came, ms since the epoch. */
  readonly arrived: number;
}

/** Properties that stay in a message whose content goes to disk. */
export const KEPT = new Set(["_msgid", TOKEN]);

/** A batch's record as a message of its own, with what its message carries beside the batch. */
export function elementMessage(message: Message, index: number, element: unknown): Message {
  const { payload: _batch, ...rest } = message;
  return extended(rest, recordAt(index, element));
}

/** What is left of a batch to recognise its records by. */
export function coordinatesOf(input: Input): readonly unknown[] {
  if (input.coordinates) return input.coordinates;
  const records = input.message.payload as readonly unknown[];
  return (input.coordinates = records.map((record) =>
    typeof record === "object" && record !== null && "source" in record ? { source: record.source } : {},
  ));
}

/** Which part of its message an entry is, for its leg; nothing where it is all of it. */
export const partOf = ({ input, index }: Entry): Pick<Leg, "element"> =>
  index === undefined ? {} : { element: { index, payload: coordinatesOf(input) } };

/** The content of a batch's record goes to disk: the message that brought it must not keep it. */
export function letGo({ input, index }: Entry): void {
  if (index === undefined || input.message.payload === input.coordinates) return;
  input.message.payload = coordinatesOf(input);
}

/** What a message fails with: its record's own error, or its batch's failed elements. */
export function failureOf({ failed, batch }: Input): Error | undefined {
  const [first] = failed;
  if (!first || batch === undefined) return first?.error;
  return new BatchFailure(`${failed.length} of ${batch} records did not pass: ${first.error.message}`, failed);
}

/** The highest priority of these records; 0 where none has one. */
export function highestPriority(records: readonly Message[]): number {
  let highest: number | undefined;
  for (const { priority } of records)
    if (typeof priority === "number" && Number.isFinite(priority))
      highest = highest === undefined ? priority : Math.max(highest, priority);
  return highest ?? 0;
}
