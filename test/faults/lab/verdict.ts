/** What a trial says at its end. */
import type { Counts } from "./numbers";

export interface Verdict {
  readonly name: string;
  /** Kills, deploys, rebalances, restarts, cuts. */
  readonly disturbances: number;
  readonly sent: number;
  /** By place: the topic, the file, the lake, the database. */
  readonly places: Readonly<Record<string, Counts>>;
  /** Commits that Kafka's own history holds. */
  readonly commits: number;
  readonly seconds: number;
  /** What broke the promise, in words; empty when it was kept. */
  readonly faults: readonly string[];
  /** Figures that are told, not judged. */
  readonly figures: Readonly<Record<string, number>>;
}

/** One line a place, and what was wrong. */
export const told = ({ name, disturbances, places, commits, seconds, figures, faults }: Verdict): string =>
  [
    `${name}: ${disturbances} disturbances, ${commits} commits, ${seconds.toFixed(0)} s ${JSON.stringify(figures)}`,
    ...Object.entries(places).map(([place, counts]) => `  ${place.padEnd(7)} ${JSON.stringify(counts)}`),
    ...faults.map((fault) => `  FAULT ${fault}`),
  ].join("\n");

/** Long lists of the same fault say how many there are. */
export const brief = (faults: readonly string[]): string[] =>
  faults.length > 5 ? [...faults.slice(0, 5), `… and ${faults.length - 5} more`] : [...faults];
