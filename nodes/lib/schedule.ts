/** Times by the clock: when growing files are published, or training begins. */
import { Cron } from "../../vendor/croner";
import { ConfigError } from "./errors";

/**
 * Reads a cron expression of five fields (minute, hour, day of month, month, day of week), or six with seconds first.
 * @param zone see `timeZone`
 * @returns the first time after `now` that the schedule names, ms since the epoch; Infinity when there is none
 * @throws ConfigError
 */
export function schedule(expression: string, zone: string, setting: string): (now: number) => number {
  let cron: Cron;
  try {
    const minutes = /^([+-])(\d{2}):(\d{2})$/u.exec(zone);
    cron = new Cron(expression.trim(), {
      paused: true,
      ...(minutes
        ? { utcOffset: (minutes[1] === "-" ? -1 : 1) * (Number(minutes[2]) * 60 + Number(minutes[3])) }
        : { timezone: zone }),
    });
  } catch (cause) {
    throw new ConfigError(
      `${setting}: "${expression}" is no schedule; write a cron expression, for example 0 * * * * for every full hour`,
      { cause },
    );
  }
  // Asked much more often than its times come, with each file that is begun.
  let from = NaN;
  let next = NaN;
  return (now) => {
    if (!(now >= from && now < next)) {
      from = now;
      next = cron.nextRun(new Date(now))?.getTime() ?? Infinity;
    }
    return next;
  };
}
