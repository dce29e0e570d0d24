/** Windows whose records stay unfinished at their source until the windows have been sent: the source is the store. */
import type { Message } from "../../lib/delivery/contract";
import type { Behaviour } from "../../lib/node";
import type { NodeContext } from "../../lib/node-context";
import { paced } from "../../lib/paced";
import { sizeOf } from "../../lib/stream/size";
import type { Fired } from "../../lib/stream/window/entry";
import { Windower } from "../../lib/stream/window/windower";
import type { declaration } from "./declaration";
import { intake } from "./intake";
import type { Shape, WindowsAsked } from "./options";
import { messageOf } from "./output";
import { LATE, WINDOWS } from "./ports";
import { sending } from "./sending";

/** An input message whose records are in windows. */
interface Input {
  readonly message: Message;
  /** Its records that are in windows not sent yet. */
  waiting: number;
  /** Called when the last record is out. */
  finish?(): void;
}

export function replayedWindows(
  node: NodeContext<(typeof declaration)["fields"]>,
  { windows, shape, lateIsWired }: WindowsAsked,
): Behaviour {
  const { settings } = node;
  const windower = new Windower<Input>(windows);
  const { arrivalOf, distribute } = intake({ settings, windows, lateIsWired, over: () => windower.eventTime });
  const isShared = sharesValues(windows, shape);
  const counts = { late: 0, early: 0 };
  let pressed = false;
  let arrivals = 0;

  const show = paced(() => {
    if (pressed) node.status("waiting", "yellow", windower.records);
    else if (counts.early > 0) node.status("early", "yellow", counts.early);
    else if (counts.late > 0) node.status("late", "yellow", counts.late);
    else node.status("collecting", "green", windower.records);
  });
  const { send, stop } = sending<Input>({
    due: (now, most) => windower.due(now, most),
    sendOne,
    nextDue: () => windower.nextDue,
    show,
    isClosing: () => node.closing,
  });

  function sendOne(window: Fired<Input>): void {
    if (window.entries.length > 0) {
      const last = window.entries.at(-1);
      const from = [...new Set(window.members.map(({ origin }) => origin.message))];
      const message = messageOf(window, shape, last?.record.topic ?? last?.origin.message.topic);
      node.send(isShared ? (node.RED.util.cloneMessage(message as never) as Message) : message, {
        port: WINDOWS,
        from,
      });
      if (window.reason === "bound") counts.early++;
    }
    windower.sent(window, ({ origin }) => {
      if (--origin.waiting === 0) origin.finish?.();
    });
  }

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
    const input: Input = { message, waiting: 0 };
    const { late, lateRecords, failure } = distribute(message, now, (record) => {
      const { key, time, partition, bytes } = arrivalOf(record, message, now);
      // Counted before: a bound may fire and send windows at once.
      input.waiting++;
      if (windower.add({ key, time, partition, bytes, record, origin: input }, now) !== "late") return false;
      input.waiting--;
      return true;
    });
    counts.late += lateRecords;
    arrivals++;
    if (late) node.send(late, { port: LATE });
    // It must not finish while it is being sent: it counts itself until then.
    input.waiting++;
    send();
    show();
    input.waiting--;
    if (input.waiting === 0) {
      if (failure) throw failure;
      return undefined;
    }
    const bytes = sizeOf(message.payload);
    const release = node.hold(message, { records: input.waiting, bytes, relieve, gathers: true });
    return new Promise((resolve, reject) => {
      input.finish = () => {
        release();
        if (failure) reject(failure);
        else resolve();
      };
    });
  }

  return {
    receive,
    close() {
      show.stop();
      stop();
    },
  };
}

/** Overlapping windows hold the same values, and what a node below does to one must not show in the next. */
const sharesValues = ({ hop, size }: WindowsAsked["windows"], { emit }: Shape): boolean =>
  hop < size && (emit === "records" || emit === "columns");
