/** The monitor on real readings and the model that comes with the pack: what it says where nothing is wrong, and where something is. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { forecaster } from "../../../nodes/lib/forecast/forecast";
import { copyWindow, joinReading, type Series } from "../../../nodes/lib/forecast/history";
import { readModel } from "../../../nodes/lib/forecast/model-file";
import { readForecast } from "../../../nodes/lib/forecast/monitor/read-forecast";
import type { DriftEvent } from "../../../nodes/lib/forecast/monitor/scores";
import { readingReader } from "../../../nodes/lib/forecast/readings";
import { openRunner } from "../../../nodes/lib/forecast/runner";
import { ROOT } from "../../../tools/editor/nodes";
import { cutReadings, type Reading } from "../../flows/readings";
import { HOUR, normal, openIn, type OPTIONS } from "./monitored";

/** The settings as they come. */
const DEFAULTS: typeof OPTIONS = {
  rules: { window: 720, least: 504, factor: 2, reference: "test", skill: true, band: 0.1, sigmas: 3 },
  again: 720,
  late: 6,
  points: 0,
  each: false,
};
/** The model has not seen readings from here on. */
const UNSEEN = Date.UTC(2016, 6, 24, 12);
const PLANTED = Date.UTC(2016, 11, 1);
const DAY = 24 * HOUR;

type Changed = (reading: Record<string, unknown>) => void;

describe("the monitor on seven months of real readings of three stations", () => {
  let readings: readonly Reading[];
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-trial-"));
    const all = cutReadings(folder, 40_000).filter(({ time }) => Date.parse(time) >= UNSEEN);
    readings = all.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What is told of readings, from a time on changed; with the number of records until then, counted from that time. */
  function watch(changed: Changed = () => undefined): {
    events: (DriftEvent & { records: number })[];
    records: number;
  } {
    const { metadata, architecture, weights } = readModel(path.join(ROOT, "models/beijing-air"));
    const { before: beyond, prepare } = forecaster(metadata);
    const reader = readingReader(metadata.features);
    const runner = openRunner(architecture, weights);
    const kept = metadata.steps + beyond;
    const grid = { width: metadata.features.length, kept, stepLength: metadata.stepLength };
    const join = joinReading(grid);
    const series = new Map<string, Series>();
    const monitor = openIn(DEFAULTS);
    const events: (DriftEvent & { records: number })[] = [];
    let records = 0;
    for (const reading of readings) {
      const time = Date.parse(reading.time);
      const payload = { ...reading };
      if (time >= PLANTED) {
        changed(payload);
        records++;
      }
      const { state } = join(series.get(reading.site), { payload: reader.read(payload), timestamp: time });
      series.set(reading.site, state);
      const rows = new Float32Array(kept * grid.width);
      copyWindow(grid, state, rows);
      const prepared = prepare(rows, kept, time, reading.site, 0);
      const forecast = "lacking" in prepared ? prepared.lacking : prepared.finish(runner.run(prepared.inputs, 1));
      const taken = monitor.take(monitor.era(), {}, readForecast({ payload, forecast }));
      events.push(...taken.events.map((event) => ({ ...event, records })));
    }
    return { events, records: readings.length };
  }
  const say = (what: string, { events, records }: ReturnType<typeof watch>): void => {
    const [first] = events;
    const found = first
      ? `found ${((first.time - PLANTED) / DAY).toFixed(1)} days and ${first.records} records after: ${first.findings
          .map(
            ({ target, horizon, rule, value, limit }) =>
              `${target} ${horizon} ${rule} ${value.toFixed(1)} > ${limit.toFixed(1)}`,
          )
          .join(", ")}`
      : "nothing told";
    console.log(`      ${what}, ${records} records: ${found}`);
  };

  it("says nothing while the model holds", function undisturbed() {
    this.timeout(300_000);
    const calm = watch();
    say("undisturbed", calm);
    assert.ok(calm.records > 15_000);
    assert.deepEqual(calm.events, []);
  });

  it("finds sensors that read half as much again", function gain() {
    this.timeout(300_000);
    const found = watch((payload) => {
      if (typeof payload["PM2.5"] === "number") payload["PM2.5"] *= 1.5;
    });
    say("gain 1.5 of PM2.5", found);
    const [first] = found.events;
    assert.equal(first?.state, "raised");
    assert.deepEqual([first.findings[0]?.target, first.findings[0]?.rule], ["PM2.5", "error"]);
    assert.ok(first.time > PLANTED && first.time < PLANTED + 45 * DAY);
  });

  it("finds sensors that have become noisy", function noisy() {
    this.timeout(300_000);
    const noise = normal(3);
    const found = watch((payload) => {
      for (const name of ["PM2.5", "PM10"])
        if (typeof payload[name] === "number") payload[name] = Math.max(0, payload[name] * (1 + 0.5 * noise()));
    });
    say("noise of 50 %", found);
    const [first] = found.events;
    assert.equal(first?.state, "raised");
    assert.ok(first.time > PLANTED && first.time < PLANTED + 15 * DAY);
  });
});
