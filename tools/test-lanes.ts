/**
 * `npm test` in two processes side by side: tests mostly wait, for brokers that start and restart. Each process has
 * services of its own, so that tests of one can't touch those of the other.
 */
import { availableParallelism, totalmem } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Tests of the first lane, below `test/`: about half of the time that all take. */
const FIRST = ["faults", "delivery", "source", "flows", "tools", "config", "install.test.ts"];
/** What two Kafkas, two HDFS, two browsers and their tests take at most, in bytes. */
const MEMORY = 8 * 2 ** 30;

/**
 * The lanes in which tests run, at least one.
 * @param sources files of tests
 * @param tests the folder that holds them all
 */
export function lanesOf(sources: readonly string[], tests: string, wide = isWide()): readonly (readonly string[])[] {
  if (!wide) return [sources];
  const isFirst = (source: string): boolean => FIRST.includes(path.relative(tests, source).split(path.sep)[0] ?? "");
  const lanes = [sources.filter(isFirst), sources.filter((source) => !isFirst(source))];
  const filled = lanes.filter((lane) => lane.length > 0);
  return filled.length > 0 ? filled : [sources];
}

const isWide = (): boolean => availableParallelism() > 1 && totalmem() >= 2 * MEMORY;

/** Passes lines on as they come, each with the mark of its lane. */
export function passOn(from: Readable | null, to: NodeJS.WritableStream, mark: string): void {
  if (from) createInterface({ input: from }).on("line", (line) => to.write(`${mark}${line}\n`));
}
