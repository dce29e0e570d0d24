/** A record's event time. */
import { Rejected } from "../../lib/errors";
import { timeOf } from "../../lib/stream/metric";
import type { StreamRecord } from "../../lib/stream/record";
import { compilePath, describe } from "../../lib/stream/path";
import { notNegative } from "./options";
import type { WindowSettings } from "./options";

/** The latest time that a Date can hold. */
const LAST = 8.64e15;

/** Reads ms since the epoch, given the time on the clock. By event time, throws Rejected where there is none. */
export function eventTimeOf(settings: WindowSettings): (record: StreamRecord, now: number) => number {
  const event = settings.by === "event" || settings.by === "session";
  const path = event ? settings.time.trim() : "timestamp";
  const read = compilePath(path, "Event time");
  // msg.timestamp is always ms; in fields of their own, sensors also send seconds.
  const plain = /^(?:msg\.)?timestamp$/.test(path);
  const ahead = event ? notNegative(settings.ahead, "Clock ahead") : 0;
  return (record, now) => {
    const found = read(record);
    const time = plain && typeof found === "number" ? (Math.abs(found) <= LAST ? found : NaN) : timeOf(found);
    if (!event) return Number.isNaN(time) ? now : time;
    if (Number.isNaN(time))
      throw new Rejected(
        `Event time: ${path} is ${describe(found)} in this record; name a property with its time, or choose windows by processing time`,
      );
    if (ahead > 0 && time - now > ahead)
      throw new Rejected(
        `Event time: ${new Date(time).toISOString()} is more than ${settings.ahead} ahead of the clock; set the sensor's clock, or allow it in Clock ahead`,
      );
    return time;
  };
}
