/** What the settings mean. */
import { ConfigError, Rejected } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import { notNegative } from "../../lib/stream/duration";
import { timeOf } from "../../lib/stream/metric";
import { compileKey, compilePath, describe, type KeyOf } from "../../lib/stream/path";
import type { SchedulerOptions } from "../../lib/stream/priority/scheduler";
import type { StreamRecord } from "../../lib/stream/record";
import type { declaration } from "./declaration";

export type LaneSettings = Settings<(typeof declaration)["fields"]>;

/** A class as the user set it. */
export interface Lane {
  readonly name: string;
  /** Lowest priority. */
  readonly from: number;
  /** ms after its coming in which a record is useful; Infinity: always. */
  readonly useful: number;
  /** Records that may wait; more and the oldest are shed. */
  readonly most: number;
}

export interface LaneOptions {
  /** Lowest class first, as the scheduler counts them. */
  readonly lanes: readonly Lane[];
  readonly scheduler: SchedulerOptions;
  readonly keyOf: KeyOf;
  /** A record's own deadline, ms since the epoch; Infinity where it has none. Throws Rejected when it is no time. */
  deadlineOf(record: StreamRecord): number;
}

/** @throws ConfigError naming the setting */
export function laneOptions(settings: LaneSettings): LaneOptions {
  const { between, fair, keepOrder, batches, atOnce, rate } = settings;
  if (atOnce === undefined && rate === undefined)
    throw new ConfigError("At a time, Per second: set one of them; without a limit nothing ever waits here");
  if ((fair || keepOrder) && settings.key.trim() === "")
    throw new ConfigError(`Key: name it, since ${fair ? "keys take turns" : "a key's order is kept"}`);
  if (keepOrder && batches === "whole")
    throw new ConfigError("Batches: a batch that stays whole has many keys; split it, or keep no key's order");
  const rowsUp = settings.classes.toSorted((a, b) => a.from - b.from);
  const lanes = rowsUp.map(({ name, from, useful, most }): Lane => {
    const ms = useful.trim() === "" ? Infinity : notNegative(useful, `Classes: "${name}", Useful for`);
    if (most !== undefined && keepOrder)
      throw new ConfigError(`Classes: "${name}", At most: leave it empty where a key's order is kept`);
    return { name, from, useful: ms > 0 ? ms : Infinity, most: most ?? Infinity };
  });
  const readDeadline = settings.deadline.trim() === "" ? undefined : compilePath(settings.deadline, "Deadline");
  return {
    lanes,
    scheduler: {
      classes: rowsUp.map(({ from, share }) => ({ from, share })),
      between,
      ageing: notNegative(settings.ageing, "Waited long"),
      lift: settings.lift / 100,
      fair,
      keepOrder,
    },
    keyOf: compileKey(settings.key, "Key"),
    deadlineOf(record) {
      const found = readDeadline?.(record);
      if (found === undefined || found === null) return Infinity;
      const time = typeof found === "number" ? found : timeOf(found);
      if (Number.isFinite(time)) return time;
      throw new Rejected(
        `Deadline: ${settings.deadline} is ${describe(found)} in this record; it must be ms since 1970 or ISO 8601`,
      );
    },
  };
}
