/** What is compared when one engine is held against another. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const FIXTURES = resolve(__dirname, "../../../../test/fixtures/forecast");
export const SHIPPED = resolve(__dirname, "../../../../models/beijing-air");

/** Names of the models of Keras whose answers are known. */
export const fixtures = (): string[] => readdirSync(FIXTURES);

/** Windows `[count][steps][inputs]` of a fixture and Keras's answers. */
export function kerasAnswers(name: string): { windows: number[][][]; answers: number[][] } {
  return JSON.parse(readFileSync(join(FIXTURES, name, "answers.json"), "utf8")) as ReturnType<typeof kerasAnswers>;
}

/** The largest difference, beside the size of the wanted where that is above 1. */
export function difference(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assert.equal(found.length, wanted.length);
  return Math.max(
    ...Array.from(wanted, (value, i) => Math.abs(value - (found[i] as number)) / Math.max(1, Math.abs(value))),
  );
}

/** Windows of numbers as scaled readings are, the same each time. */
export const someWindows = (count: number, size: number): Float32Array =>
  Float32Array.from({ length: count * size }, (_, i) => 1.5 * Math.sin(i * 0.7) + 0.3 * Math.cos(i * 0.11));
