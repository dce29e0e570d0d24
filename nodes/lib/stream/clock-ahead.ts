import { Rejected } from "../errors";

/**
 * Refuses times that lie too far ahead of the clock: one wrong clock in the future would make every later record of its key a late one.
 * @param ahead ms; 0: any time is taken
 * @param said `ahead` as the user wrote it
 * @returns a check of an event time in ms since the epoch, by a clock of the same; it throws Rejected
 */
export const clockCheck =
  (ahead: number, said: string) =>
  (time: number, now = Date.now()): void => {
    if (ahead === 0 || time - now <= ahead) return;
    throw new Rejected(
      `Event time: ${new Date(time).toISOString()} is more than ${said} ahead of the clock; set the sensor's clock, or allow it in Clock ahead`,
    );
  };
