import type { FailedElement, Message } from "../../lib/delivery/contract";
import { asError, BatchFailure, Rejected } from "../../lib/errors";
import { defineNode } from "../../lib/node";
import { paced } from "../../lib/paced";
import { batchOf, recordAt } from "../../lib/batch";
import type { StreamRecord } from "../../lib/stream/record";
import { compileKey } from "../../lib/stream/path";
import { sizeOf } from "../../lib/stream/size";
import type { Fired } from "../../lib/stream/window/entry";
import { partitionOf } from "../../lib/stream/window/source-order";
import { Windower } from "../../lib/stream/window/windower";
import { declaration } from "./declaration";
import { eventTimeOf } from "./event-time";
import { shapeOf, windowerOptions } from "./options";
import { messageOf } from "./output";
import { alarm } from "./alarm";

const WINDOWS = 0;
const LATE = 1;
/** Windows are sent for so long at a stretch, ms; then others have their turn. */
const STRETCH = 8;
const AT_ONCE = 16;

/** An input message whose records are in windows. */
interface Input {
  readonly message: Message;
  /** Its records that are in windows not sent yet. */
  waiting: number;
  failed: FailedElement[];
  /** Called when the last record is out. */
  finish?(): void;
}

export = defineNode(declaration, (node) => {
  const { settings } = node;
  const options = windowerOptions(settings);
  const shape = shapeOf(settings, options.size);
  const keyOf = compileKey(settings.key, "Key");
  const timeOf = eventTimeOf(settings);
  /** Overlapping windows hold the same values, and what a node below does to one must not show in the next. */
  const sharing = options.hop < options.size && (shape.emit === "records" || shape.emit === "columns");
  const windower = new Windower<Input>(options);
  const wires = (node.node as { wires?: readonly (readonly string[])[] } | undefined)?.wires ?? [];
  const lateIsWired = (wires[LATE]?.length ?? 0) > 0;
  const counts = { late: 0, early: 0 };
  let sending = false;
  let waiting: NodeJS.Immediate | undefined;
  let pressed = false;
  let arrivals = 0;

  const show = paced(() => {
    if (pressed) node.status("waiting", "yellow", windower.records);
    else if (counts.early > 0) node.status("early", "yellow", counts.early);
    else if (counts.late > 0) node.status("late", "yellow", counts.late);
    else node.status("collecting", "green", windower.records);
  });
  const look = alarm(() => {
    send();
    show();
  });

  /** Sends what has fired, by stretches. What is not sent when the node closes comes again from its source. */
  function send(): void {
    if (sending || node.closing) return;
    sending = true;
    const until = performance.now() + STRETCH;
    let more = true;
    while (more && performance.now() < until) {
      const fired = windower.due(Date.now(), AT_ONCE);
      for (const window of fired) sendOne(window);
      more = fired.length === AT_ONCE;
    }
    sending = false;
    if (more && !waiting)
      waiting = setImmediate(() => {
        waiting = undefined;
        send();
      });
    else if (!more) look.at(windower.nextDue);
  }

  function sendOne(window: Fired<Input>): void {
    if (window.entries.length > 0) {
      const last = window.entries.at(-1);
      const from = [...new Set(window.members.map(({ origin }) => origin.message))];
      const message = messageOf(window, shape, last?.record.topic ?? last?.origin.message.topic);
      node.send(sharing ? (node.RED.util.cloneMessage(message as never) as Message) : message, { port: WINDOWS, from });
      if (window.reason === "bound") counts.early++;
    }
    windower.sent(window, ({ origin }) => {
      if (--origin.waiting === 0) origin.finish?.();
    });
  }

  /** Puts one record into its windows; true when it is late. Throws when it has no key or no usable time. */
  function add(record: StreamRecord, input: Input, now: number): boolean {
    const key = keyOf(record);
    const time = timeOf(record, now);
    const partition = partitionOf(record.source ?? input.message["source"]);
    const bytes = sizeOf(record.payload) + 64;
    // Counted before: a bound may fire and send windows at once.
    input.waiting++;
    if (windower.add({ key, time, partition, bytes, record, origin: input }, now) !== "late") return false;
    input.waiting--;
    return true;
  }

  function lateWindow(record: StreamRecord, now: number): object {
    const time = timeOf(record, now);
    const past = options.by === "session" ? 0 : (time - options.offset) % options.hop;
    const start = time - (past < 0 ? past + options.hop : past);
    return { key: keyOf(record), start, end: start + options.size, count: 1, reason: "late", late: true };
  }
  const tooLate = (record: StreamRecord, now: number): Error => {
    const [time, over] = [timeOf(record, now), windower.eventTime].map((ms) => new Date(ms).toISOString());
    return new Rejected(
      `the record of ${time} is late: windows are over up to ${over}; wire the second output, or allow more Disorder`,
    );
  };

  /** The source has no room: it says so once for each message that it has here. */
  function relieve(): void {
    if (pressed || node.closing) return;
    pressed = true;
    const before = arrivals;
    setTimeout(() => {
      pressed = false;
      // Records still come: the source was waiting for somebody else.
      if (node.closing || arrivals !== before || windower.records === 0) return;
      if (settings.pressure === "fire") {
        windower.fireEarly(windower.records / 2, Infinity);
        send();
      } else
        node.warn(
          `the source waits and windows hold ${windower.records} of its records; when it waits for them, ` +
            "let it have more under way, or set Source waits to let the oldest windows leave early",
        );
      show();
    }, 2000).unref();
    show();
  }

  function receive(message: Message): Promise<void> | void {
    const now = Date.now();
    const records = batchOf(message);
    const input: Input = { message, waiting: 0, failed: [] };
    const late: StreamRecord[] = [];
    (records ?? [message]).forEach((record, index) => {
      try {
        if (records) recordAt(index, record);
        if (!add(record, input, now)) return;
        counts.late++;
        if (lateIsWired) late.push({ ...record, window: lateWindow(record, now) });
        else input.failed.push({ index, error: tooLate(record, now) });
      } catch (error) {
        input.failed.push({ index, error: asError(error) });
      }
    });
    arrivals++;
    const [first] = late;
    if (first) node.send(records ? { ...message, payload: late } : first, { port: LATE });
    // It must not finish while it is being sent: it counts itself until then.
    input.waiting++;
    send();
    show();
    input.waiting--;
    const outcome = failureOf(input, records?.length);
    if (input.waiting === 0) {
      if (outcome) throw outcome;
      return undefined;
    }
    const bytes = sizeOf(message.payload);
    const release = node.hold(message, { records: input.waiting, bytes, relieve, gathers: true });
    return new Promise((resolve, reject) => {
      input.finish = () => {
        release();
        if (outcome) reject(outcome);
        else resolve();
      };
    });
  }

  return {
    receive,
    close() {
      show.stop();
      look.stop();
    },
  };
});

/** What a message fails with: its record's own error, or its batch's failed elements. */
function failureOf({ failed }: Input, batch: number | undefined): Error | undefined {
  const [first] = failed;
  if (!first || batch === undefined) return first?.error;
  return new BatchFailure(`${failed.length} of ${batch} records are in no window: ${first.error.message}`, failed);
}
