/** When windows are sent: by stretches, so that thousands that end at once leave others their turn. */
import type { Fired } from "../../lib/stream/window/entry";
import { alarm } from "../../lib/alarm";

/** Windows are sent for so long at a stretch, ms; then others have their turn. */
const STRETCH = 8;
const AT_ONCE = 16;

export interface Sending {
  /** Sends what has fired. What is not sent when the node closes comes again. */
  send(): void;
  stop(): void;
}

export interface SendingOptions<Origin> {
  /** Windows that have fired, at most so many; undefined: nothing may be sent now. */
  due(now: number, most: number): readonly Fired<Origin>[] | undefined;
  sendOne(window: Fired<Origin>): void;
  /** When something may have fired without a record, on the clock. */
  nextDue(): number | undefined;
  /** After windows were sent by the clock. */
  show(): void;
  isClosing(): boolean;
}

export function sending<Origin>({ due, sendOne, nextDue, show, isClosing }: SendingOptions<Origin>): Sending {
  let isSending = false;
  let waiting: NodeJS.Immediate | undefined;
  const look = alarm(() => {
    send();
    show();
  });

  function send(): void {
    if (isSending || isClosing()) return;
    isSending = true;
    const until = performance.now() + STRETCH;
    let more = true;
    while (more && performance.now() < until) {
      const fired = due(Date.now(), AT_ONCE) ?? [];
      for (const window of fired) sendOne(window);
      more = fired.length === AT_ONCE;
    }
    isSending = false;
    if (more && !waiting)
      waiting = setImmediate(() => {
        waiting = undefined;
        send();
      });
    else if (!more) look.at(nextDue());
  }

  return { send, stop: look.stop };
}
