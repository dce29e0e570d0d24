/**
 * Which failed tests `npm test` tries once more. On a machine that others slow down, one in some thousand runs of a test
 * fails by the time that a service or a browser took. Counts of records are judged by a single try: a record that was
 * lost once is lost.
 */
import path from "node:path";
import type { Failure } from "./test-reporter";

/** Folders of tests that are never tried again. */
const ONCE = ["faults", "delivery", "lib/delivery"];

/** When more has failed, it is no accident. */
export const MOST = 8;

export interface Tried extends Failure {
  readonly file: string;
}

/** @param tests folder of the compiled tests */
export function triesAgain(failures: readonly Failure[], tests: string): readonly Tried[] {
  if (failures.length > MOST || failures.some(({ hook }) => hook)) return [];
  const once = ONCE.map((folder) => path.join(tests, folder) + path.sep);
  return failures.filter(
    (failure): failure is Tried =>
      failure.file !== undefined && !once.some((folder) => failure.file?.startsWith(folder)),
  );
}

/** A regular expression for exactly these tests. */
export const pattern = (tests: readonly Failure[]): string =>
  `^(?:${tests.map(({ title }) => title.replaceAll(/[$()*+.?[\\\]^{|}]/gu, String.raw`\$&`)).join("|")})$`;
