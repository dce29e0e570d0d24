/** What the fraud rules read, keep of a key, and say. */

/** A card transaction as the rules read it. Missing properties are unknown: rules that need them are silent. */
export interface Transaction {
  /** Event time, ms since the epoch. */
  readonly time: number;
  /** In the base currency, 0 or more; undefined where its currency has no rate. */
  readonly amount?: number;
  /** Of the amount, where it has no rate. */
  readonly unratedCurrency?: string;
  readonly country?: string;
  readonly category?: string;
  /** Where the card was used. */
  readonly place?: Place;
  /** The list that holds one of its values, and that value. */
  readonly listed?: Listed;
  /** What is known afterwards: this is no new transaction but a word on one that came before. */
  readonly feedback?: Feedback;
}

/** Degrees: latitude −90 … 90, longitude −180 … 180. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

export interface Listed {
  readonly list: "deny" | "allow";
  readonly value: string;
}

export const FEEDBACK = ["legitimate", "fraud"] as const;
export type Feedback = (typeof FEEDBACK)[number];

export const ACTIONS = ["pass", "challenge", "block"] as const;
export type Action = (typeof ACTIONS)[number];

/** One row of the velocity rule: more than `limit` within `seconds`, the transaction at hand included. */
export interface Velocity {
  /** `count`: number of transactions; `sum`: of their amounts, in the base currency. */
  readonly measure: "count" | "sum";
  readonly seconds: number;
  readonly limit: number;
  readonly points: number;
}

/** Something is news until it was learned `familiar` times, once `warmUp` transactions that have such a thing were learned. */
export interface Novelty {
  readonly warmUp: number;
  readonly familiar: number;
  readonly points: number;
}

/** Rules that are left out are off. Points are what a rule adds to the score. */
export interface Rules {
  readonly velocity: readonly Velocity[];
  /** Speed in km/h, distance in km. */
  readonly travel?: { readonly speed: number; readonly distance: number; readonly points: number };
  /** `z` standard deviations above the mean of ln(1 + amount); `warmUp` transactions first; `floor`: smallest amount judged. */
  readonly amount?: { readonly z: number; readonly warmUp: number; readonly floor: number; readonly points: number };
  readonly country?: Novelty;
  readonly category?: Novelty;
  /** `count` amounts up to `small` within `seconds`, then one of `large` or more. */
  readonly testing?: {
    readonly small: number;
    readonly count: number;
    readonly seconds: number;
    readonly large: number;
    readonly points: number;
  };
  /** Hours of the day: from `from` until before `to`, over midnight where `to` is not above it. */
  readonly night?: {
    readonly from: number;
    readonly to: number;
    /** The hour of the day, 0 … 23, at a time. */
    readonly hourAt: (time: number) => number;
    readonly points: number;
  };
  /** Points of an amount in a currency without a rate. */
  readonly unratedPoints: number;
  /** Scores from which a transaction is challenged and blocked. */
  readonly challengeFrom: number;
  readonly blockFrom: number;
  /** The gravest action whose transactions are learned without a word of feedback. */
  readonly learn: Action;
  /** Weight that an amount keeps when the next one is learned, 0 < retain ≤ 1. */
  readonly retain: number;
  /** Most attempts that are remembered of a key, and how long, in ms. */
  readonly attempts: number;
  readonly memory: number;
}

export type RuleName =
  | "deny list"
  | "allow list"
  | "velocity count"
  | "velocity sum"
  | "impossible travel"
  | "unusual amount"
  | "new country"
  | "new category"
  | "card testing"
  | "night"
  | "unknown currency";

/** Why a transaction got points. The evidence holds plain values, for sentences and for machines. */
export interface Reason {
  readonly rule: RuleName;
  readonly points: number;
  readonly evidence: Readonly<Record<string, number | string>>;
}

export interface Verdict {
  readonly action: Action;
  /** The sum of the reasons' points. */
  readonly score: number;
  readonly reasons: readonly Reason[];
}

/** Event time (ms), amount (base currency; −1: unknown), and its number among the learned ones (0: not learned). */
export type Attempt = readonly [time: number, amount: number, learned: number];

/** How often each value was learned, and when last (event time, ms). */
export type Known = Readonly<Record<string, readonly [count: number, last: number]>>;

/** What is kept of a key: plain JSON, bounded by the settings; the numbers are those of the settings' units. */
export interface KeyState {
  readonly version: 1;
  /** Newest event time of all attempts, ms. */
  readonly newest: number;
  /** The number that was given last to a learned transaction; none is given twice. */
  readonly learned: number;
  readonly amounts: Amounts;
  /** Where the newest learned transaction that has a place took place. */
  readonly place?: readonly [time: number, latitude: number, longitude: number];
  readonly countries: Known;
  readonly categories: Known;
  /** In the order of event time. */
  readonly attempts: readonly Attempt[];
}

/** Of x = ln(1 + amount) with weights w: Σw, Σw², Σwx, Σwx², and how many amounts there are. */
export type Amounts = readonly [weights: number, squares: number, first: number, second: number, learned: number];
