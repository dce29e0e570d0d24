/** A record's event time. */
import { Rejected } from "../../lib/errors";
import type { StreamRecord } from "../../lib/stream/record";
import { compilePath, describe } from "../../lib/stream/path";
import { timeAt } from "../../lib/stream/time-at";
import { clockCheck } from "../../lib/stream/clock-ahead";
import { notNegative } from "../../lib/stream/duration";
import type { WindowSettings } from "./options";

/** Reads ms since the epoch, given the time on the clock. By event time, throws Rejected where there is none. */
export function eventTimeOf(settings: WindowSettings): (record: StreamRecord, now: number) => number {
  const event = settings.by === "event" || settings.by === "session";
  const path = event ? settings.time.trim() : "timestamp";
  const read = compilePath(path, "Event time");
  const timeIn = timeAt(path);
  const checkClock = clockCheck(event ? notNegative(settings.ahead, "Clock ahead") : 0, settings.ahead);
  return (record, now) => {
    const found = read(record);
    const time = timeIn(found);
    if (!event) return Number.isNaN(time) ? now : time;
    if (Number.isNaN(time))
      throw new Rejected(
        `Event time: ${path} is ${describe(found)} in this record; name a property with its time, or choose windows by processing time`,
      );
    checkClock(time, now);
    return time;
  };
}
