/** A baseline for each hour of the day or of the week. */
import { timePattern } from "../../time-zone";
import { learn, spreadOf, type Baseline } from "./baseline";
import { deviation, type Method, type Thresholds } from "./method";
import { saySigmas, type Learning } from "./sigmas";

export type Season = "day" | "week";
export const SLOTS: Readonly<Record<Season, number>> = { day: 24, week: 168 };

const QUARTER = 900_000;

/**
 * The slot of a time: hour of the day 0–23, or of the week 0–167 from Sunday 0:00 on, on the clocks of the zone. The hour
 * that is repeated in autumn falls into one slot twice.
 *
 * @param zone as timeZone gives it
 */
export function slotOf(season: Season, zone: string): (time: number) => number {
  const write = timePattern("yyyy-MM-dd HH", zone, "Time zone");
  return (time) => {
    // Offsets of zones are whole quarters of an hour: one text serves all readings of a quarter.
    const text = write(Math.floor(time / QUARTER) * QUARTER);
    const hour = Number(text.slice(-2));
    return season === "day" ? hour : new Date(`${text.slice(0, -3)}T00:00:00Z`).getUTCDay() * 24 + hour;
  };
}

/** By slot; null where nothing was learned yet. */
export type Slots = readonly (Baseline | null)[];

/**
 * Sigmas from the mean of the reading's slot. `learning.warmup` and `memory` are readings of one slot; older readings of it
 * fade exponentially (see {@link learn}).
 */
export function seasonal(season: Season, zone: string, learning: Learning, thresholds: Thresholds): Method<Slots> {
  const { warmup, memory, spread } = learning;
  const slot = slotOf(season, zone);
  return {
    name: "seasonal",
    learns: true,
    judge(known, { time, value }) {
      const base = known?.length === SLOTS[season] ? known[slot(time)] : undefined;
      if (!base || base.n < warmup) return undefined;
      return deviation((value - base.mean) / spreadOf(base, spread, memory), base.mean, thresholds);
    },
    follow(known, { time, value }, mayLearn) {
      if (!mayLearn) return known;
      const slots =
        known?.length === SLOTS[season]
          ? known.slice()
          : Array.from<Baseline | null>({ length: SLOTS[season] }).fill(null);
      const at = slot(time);
      slots[at] = learn(slots[at] ?? undefined, value, memory);
      return slots;
    },
    say: saySigmas(`for the hour of the ${season} `),
  };
}
