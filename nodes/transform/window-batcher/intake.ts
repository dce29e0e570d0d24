/** How records of a message come to their windows, and what becomes of those that can't. */
import { batchOf, recordAt } from "../../lib/batch";
import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure, Rejected } from "../../lib/errors";
import { extended } from "../../lib/extended";
import type { StreamRecord } from "../../lib/stream/record";
import { compileKey } from "../../lib/stream/path";
import { sizeOf } from "../../lib/stream/size";
import { partitionOf } from "../../lib/stream/window/source-order";
import type { Arrival, WindowerOptions } from "../../lib/stream/window/windower";
import { eventTimeOf } from "./event-time";
import type { WindowSettings } from "./options";

export interface Intake {
  /** Reads what windows need to know of a record. @throws Rejected when it has no key or no usable time */
  arrivalOf(record: StreamRecord, message: Message, now: number): Omit<Arrival<unknown>, "origin">;
  /** Gives each record of a message to `put`, which says whether it is late. */
  distribute(message: Message, now: number, put: (record: StreamRecord) => boolean): Distributed;
}

export interface Distributed {
  /** For the second output, with the window that each would have been in; undefined: none. */
  readonly late: Message | undefined;
  /** How many were late, with a wire for them or without. */
  readonly lateRecords: number;
  /** What the message fails with: its record's own error, or its batch's failed elements. */
  readonly failure: Error | undefined;
}

export interface IntakeOptions {
  readonly settings: WindowSettings;
  readonly windows: WindowerOptions;
  /** Whether late records have a wire; without one they fail. */
  readonly lateIsWired: boolean;
  /** Up to where windows are over, ms since the epoch. */
  over(): number;
}

export function intake({ settings, windows, lateIsWired, over }: IntakeOptions): Intake {
  const keyOf = compileKey(settings.key, "Key");
  const timeOf = eventTimeOf(settings);

  function lateWindow(record: StreamRecord, now: number): object {
    const time = timeOf(record, now);
    const past = windows.by === "session" ? 0 : (time - windows.offset) % windows.hop;
    const start = time - (past < 0 ? past + windows.hop : past);
    return { key: keyOf(record), start, end: start + windows.size, count: 1, reason: "late", late: true };
  }
  const tooLate = (record: StreamRecord, now: number): Error => {
    const [time, until] = [timeOf(record, now), over()].map((ms) => new Date(ms).toISOString());
    return new Rejected(
      `the record of ${time} is late: windows are over up to ${until}; wire the second output, or allow more Disorder`,
    );
  };

  return {
    arrivalOf(record, message, now) {
      const key = keyOf(record);
      const time = timeOf(record, now);
      const partition = partitionOf(record.source ?? message["source"]);
      return { key, time, partition, bytes: sizeOf(record.payload) + 64, record };
    },
    distribute(message, now, put) {
      const records = batchOf(message);
      const failed: FailedElement[] = [];
      const late: StreamRecord[] = [];
      let lateRecords = 0;
      (records ?? [message]).forEach((record, index) => {
        try {
          if (records) recordAt(index, record);
          if (!put(record)) return;
          lateRecords++;
          if (lateIsWired) late.push(extended(record, { window: lateWindow(record, now) }));
          else failed.push({ index, error: tooLate(record, now) });
        } catch (error) {
          failed.push({ index, error: asError(error) });
        }
      });
      const [first] = late;
      return {
        late: first && records ? { ...message, payload: late } : first,
        lateRecords,
        failure: failureOf(failed, records?.length),
      };
    },
  };
}

function failureOf(failed: readonly FailedElement[], batch: number | undefined): Error | undefined {
  const [first] = failed;
  if (!first || batch === undefined) return first?.error;
  return new BatchFailure(`${failed.length} of ${batch} records are in no window: ${first.error.message}`, failed);
}
