/**
 * Labelled card transactions from a seed: customers with habits in cities of the world, who also travel, go on sprees,
 * buy something dear now and then and pay abroad on the net; and fraud of five kinds, planted among them.
 * Made up, so what rules find here tells that they find such patterns, and at what price, not what they find at a bank.
 */
import { normal, randomNumbers } from "../nodes/lib/forecast/random";
import { distance } from "../nodes/lib/stream/fraud/distance";
import { CATEGORIES, CITIES, type Category, type City } from "./fraud-places";

export const KINDS = [
  "card testing",
  "velocity burst",
  "impossible travel",
  "amount outlier",
  "takeover abroad",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Labelled {
  readonly payload: {
    readonly card: string;
    readonly amount: number;
    readonly merchant: string;
    readonly category: string;
    readonly country: string;
    readonly lat?: number;
    readonly lon?: number;
  };
  /** Event time, ms. */
  readonly timestamp: number;
  readonly label: "legitimate" | Kind;
  /** Transactions of one planted fraud; 0: none. */
  readonly episode: number;
}

export interface Shape {
  readonly seed: number;
  readonly customers: number;
  readonly days: number;
  /** Planted frauds of each kind; no customer gets two. */
  readonly episodes: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 5);

interface Customer {
  readonly card: string;
  readonly home: City;
  /** Mean of ln(amount), and its standard deviation. */
  readonly level: number;
  readonly spread: number;
  readonly perDay: number;
  readonly categories: readonly Category[];
  readonly commutes: boolean;
  readonly trip?: { readonly from: number; readonly to: number; readonly city: City };
}

export function labelled(shape: Shape): Labelled[] {
  const random = randomNumbers(shape.seed);
  const between = (from: number, to: number): number => from + (to - from) * random();
  const whole = (from: number, to: number): number => Math.floor(between(from, to + 1));
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const chance = (part: number): boolean => random() < part;
  const cents = (amount: number): number => Math.max(0.01, Math.round(amount * 100) / 100);
  const end = START + shape.days * DAY;

  const abroad = (home: City): City => one(CITIES.filter(({ country }) => country !== home.country));

  function customer(index: number): Customer {
    const home = one(CITIES);
    const from = START + between(4, shape.days) * DAY;
    return {
      card: `card-${String(index + 1).padStart(4, "0")}`,
      home,
      level: Math.log(25) + 0.5 * normal(random),
      spread: between(0.4, 0.8),
      perDay: between(0.8, 3.2),
      categories: [...new Set(Array.from({ length: whole(4, 7) }, () => one(CATEGORIES)))],
      commutes: chance(0.3),
      ...(chance(0.3) && { trip: { from, to: from + between(2, 8) * DAY, city: one(CITIES) } }),
    };
  }

  interface Payment {
    readonly card: string;
    readonly at: number;
    readonly amount: number;
    readonly category: string;
    readonly city: City;
    readonly online?: boolean;
    readonly label?: Kind;
    readonly episode?: number;
  }
  function payment({ card, at, amount, category, city: where, online = false, label, episode = 0 }: Payment): Labelled {
    const place = {
      lat: Number((where.latitude + 0.08 * normal(random)).toFixed(4)),
      lon: Number((where.longitude + 0.08 * normal(random)).toFixed(4)),
    };
    const merchant = `${online ? "net" : where.name.toLowerCase().replace(" ", "-")}-${category}-${whole(1, 20)}`;
    return {
      payload: {
        card,
        amount: cents(amount),
        merchant,
        category,
        country: where.country,
        ...(!online && place),
      },
      timestamp: Math.round(at),
      label: label ?? "legitimate",
      episode,
    };
  }

  /** Where a customer is at a time; undefined while travelling there and back. */
  function whereabouts({ home, trip }: Customer, at: number): City | undefined {
    if (!trip) return home;
    const away =
      (distance(
        { latitude: home.latitude, longitude: home.longitude },
        { latitude: trip.city.latitude, longitude: trip.city.longitude },
      ) /
        750) *
        HOUR +
      2 * HOUR;
    if (at < trip.from || at > trip.to) return home;
    return at < trip.from + away || at > trip.to - away ? undefined : trip.city;
  }

  /** A payment as the customer makes them; rarely dear, of a new kind, on the net abroad, or from a misplaced terminal. */
  function ordinary(who: Customer, at: number): Labelled | undefined {
    const where = whereabouts(who, at);
    if (!where) return undefined;
    const isDear = chance(0.004);
    const amount = Math.exp(who.level + who.spread * normal(random)) * (isDear ? between(5, 15) : 1);
    const category = chance(0.01) ? one(CATEGORIES) : one(who.categories);
    const online = chance(0.25);
    const seller = online ? (chance(0.04) ? abroad(who.home) : who.home) : chance(0.0005) ? one(CITIES) : where;
    return payment({ card: who.card, at, amount, category, city: seller, online });
  }

  function life(who: Customer): Labelled[] {
    const all: (Labelled | undefined)[] = [];
    for (let day = START; day < end; day += DAY) {
      // Days begin at 7 by the sun of home.
      const morning = day - (who.home.longitude / 15) * HOUR + 7 * HOUR;
      const count = Math.floor(who.perDay + between(-0.5, 1.5));
      for (let n = 0; n < count; n++) all.push(ordinary(who, morning + between(0, chance(0.05) ? 22 : 15) * HOUR));
      if (who.commutes && whereabouts(who, morning) === who.home && chance(0.7))
        for (const hour of [0.5, 11])
          all.push(
            payment({
              card: who.card,
              at: morning + (hour + between(0, 0.5)) * HOUR,
              amount: between(1.2, 1.9),
              category: "transit",
              city: who.home,
            }),
          );
      if (chance(0.01)) {
        const spree = morning + between(2, 12) * HOUR;
        const shops = whole(3, 5);
        for (let n = 0; n < shops; n++) all.push(ordinary(who, spree + between(0, 30) * MINUTE));
      }
    }
    return all.filter((made) => made !== undefined);
  }

  /** What a thief does with the card of a customer. */
  const frauds: Record<Kind, (who: Customer, at: number, episode: number) => Labelled[]> = {
    "card testing"(who, at, episode) {
      const bot = { card: who.card, category: one(["games", "books"]), city: abroad(who.home), online: true };
      const tests = whole(4, 8);
      const step = between(10, 120) * 1000;
      const small = Array.from({ length: tests }, (_, n) =>
        payment({ ...bot, at: at + n * step, amount: between(0, 1.5), label: "card testing", episode }),
      );
      const large = { at: at + tests * step + between(1, 20) * MINUTE, amount: between(180, 900) };
      return [...small, payment({ ...bot, ...large, category: "electronics", label: "card testing", episode })];
    },
    "velocity burst"(who, at, episode) {
      const online = chance(0.6);
      const where = whereabouts(who, at) ?? who.home;
      return Array.from({ length: whole(6, 12) }, (_, n) =>
        payment({
          card: who.card,
          at: at + n * between(10, 50) * 1000,
          amount: Math.exp(who.level + 0.4 + who.spread * normal(random)),
          category: one(CATEGORIES),
          city: where,
          online,
          label: "velocity burst",
          episode,
        }),
      );
    },
    "impossible travel"(who, at, episode) {
      const before = ordinary({ ...who, categories: ["groceries"] }, at - between(20, 90) * MINUTE);
      const home = whereabouts(who, at) ?? who.home;
      const far = one(CITIES.filter((there) => distance(home, there) > 2500));
      const copies = Array.from({ length: whole(1, 3) }, (_, n) =>
        payment({
          card: who.card,
          at: at + n * between(10, 40) * MINUTE,
          amount: Math.exp(who.level + 0.5 + who.spread * normal(random)),
          category: one(CATEGORIES),
          city: far,
          label: "impossible travel",
          episode,
        }),
      );
      return before ? [before, ...copies] : copies;
    },
    "amount outlier"(who, at, episode) {
      const amount = Math.max(150, Math.exp(who.level + who.spread * between(4, 7)));
      const where = whereabouts(who, at) ?? who.home;
      return [
        payment({
          card: who.card,
          at,
          amount,
          category: one(["electronics", "jewellery", "travel"]),
          city: where,
          online: chance(0.5),
          label: "amount outlier",
          episode,
        }),
      ];
    },
    "takeover abroad"(who, at, episode) {
      const there = abroad(who.home);
      return Array.from({ length: whole(3, 6) }, (_, n) =>
        payment({
          card: who.card,
          at: at + n * between(0.3, 2) * HOUR,
          amount: Math.exp(who.level + who.spread * between(1, 3.5)),
          category: one(["electronics", "jewellery", "clothes", "travel"]),
          city: there,
          online: chance(0.4),
          label: "takeover abroad",
          episode,
        }),
      );
    },
  };

  const all: Labelled[] = [];
  for (let index = 0; index < shape.customers; index++) {
    const who = customer(index);
    all.push(...life(who));
    const kind = KINDS[Math.floor(index / shape.episodes)];
    if (kind !== undefined) all.push(...frauds[kind](who, START + between(6, shape.days - 1) * DAY, index + 1));
  }
  // Most arrive when they are made; some are held up on their way.
  return all
    .map((made) => ({ made, arrives: made.timestamp + (chance(0.005) ? between(0, 10) * MINUTE : 0) }))
    .sort((a, b) => a.arrives - b.arrives || (a.made.payload.card < b.made.payload.card ? -1 : 1))
    .map(({ made }) => made);
}
