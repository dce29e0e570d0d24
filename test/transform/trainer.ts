/** What the trainer's tests share: its flow, readings for it, and its card. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Message } from "../../nodes/lib/delivery/contract";
import type { Score } from "../../nodes/lib/forecast/metadata";
import { HOUR, madeReadings } from "../lib/forecast/made-readings";
import { at } from "./read";

export interface Card {
  readonly model: string;
  readonly version: string;
  readonly path: string;
  readonly better: boolean;
  readonly replaced: boolean;
  readonly reason: string;
  readonly stations: string[];
  readonly readings: number;
  readonly dropped: number;
  readonly from: string;
  readonly testedTo: string;
  readonly windows: { readonly training: number; readonly validation: number; readonly test: number };
  readonly scores: (Omit<Score, "horizon"> & { readonly horizon: string })[];
}

export const cardOf = (message: Message | undefined): Card => at<Card>(message, "payload");

/** A folder for the models of one `describe`, gone after it. */
export function trainerFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-trainer-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The settings of a trainer of the made readings, which takes a second or two. */
export const trainerSettings = (folder: string, settings: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: "citystream-lstm-trainer",
  modelName: "made",
  folder,
  key: "key",
  time: "timestamp",
  features: ["a", "b"].map((feature) => ({ feature, property: "", unit: "u", as: "value" })),
  targets: "a",
  step: "1 h",
  steps: 4,
  horizons: "1 h, 2 h",
  fill: 1,
  units: "4",
  networks: 1,
  epochs: 2,
  batch: 32,
  rate: 0.001,
  day: false,
  kept: "memory",
  ...settings,
});

/** Readings of a station as one batch. */
export function batchOf(key: string, hours = 700, seed = 1): Message {
  return {
    payload: madeReadings(hours, seed).map(({ hour, a, b }) => ({ payload: { a, b }, key, timestamp: hour * HOUR })),
  };
}
