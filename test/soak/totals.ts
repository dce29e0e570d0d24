/** What the soak has seen so far: a file of finished trials, one JSON line each. A soak that is killed loses none of them. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Verdict } from "../faults/lab/verdict";

export type Family = "kill" | "exact" | "rebalance" | "outage" | "windows" | "lake" | "backlog";

export interface Finished {
  readonly family: Family;
  /** ISO 8601, when it ended. */
  readonly at: string;
  /** Of the sources: what `git rev-parse --short HEAD` said, with a + when they were changed. */
  readonly revision: string;
  /** Absent when the trial itself broke. */
  readonly verdict?: Verdict;
  /** Why there is no verdict: something did not come within its deadline. */
  readonly error?: string;
}

export interface Total {
  trials: number;
  /** Trials that found faults, or broke. */
  failed: number;
  disturbances: number;
  sent: number;
  arrived: number;
  missing: number;
  repeated: number;
  invented: number;
  damaged: number;
  commits: number;
}

const nothing = (): Total => ({
  trials: 0,
  failed: 0,
  disturbances: 0,
  sent: 0,
  arrived: 0,
  missing: 0,
  repeated: 0,
  invented: 0,
  damaged: 0,
  commits: 0,
});

export function remember(file: string, finished: Finished): void {
  mkdirSync(path.dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(finished)}\n`);
}

/** The trials of the file; a line that a kill cut short is passed over. */
export function remembered(file: string): Finished[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Finished];
      } catch {
        return [];
      }
    });
}

/** Sums by family. `repeated` is the topic's, the other counts are of all places together. */
export function totalsOf(trials: readonly Finished[]): Map<Family, Total> {
  const totals = new Map<Family, Total>();
  for (const { family, verdict } of trials) {
    const total = totals.get(family) ?? nothing();
    totals.set(family, total);
    total.trials++;
    if (!verdict || verdict.faults.length > 0) total.failed++;
    if (!verdict) continue;
    total.disturbances += verdict.disturbances;
    total.sent += verdict.sent;
    total.commits += verdict.commits;
    for (const [place, counts] of Object.entries(verdict.places)) {
      for (const name of ["missing", "invented", "damaged"] as const) total[name] += counts[name];
      if (place === "kafka") {
        total.arrived += counts.arrived;
        total.repeated += counts.repeated;
      }
    }
  }
  return totals;
}

const figure = (value: number): string => value.toLocaleString("en");

/** One line a family. */
export const report = (totals: ReadonlyMap<Family, Total>): string =>
  [...totals]
    .map(
      ([family, total]) =>
        `${family.padEnd(10)}${figure(total.trials)} trials (${total.failed} failed), ` +
        `${figure(total.disturbances)} disturbances, ${figure(total.sent)} records sent, ${figure(total.missing)} missing, ` +
        `${figure(total.repeated)} repeated, ${figure(total.invented)} invented, ${figure(total.damaged)} damaged, ` +
        `${figure(total.commits)} commits`,
    )
    .join("\n");
