/**
 * Loaded into a Node-RED before everything else (`node -r gauge.js`): writes its memory and the delay of its event loop to
 * the file that CITYSTREAM_GAUGE names, one line of JSON a second.
 */
import { appendFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface Reading {
  /** ms since the process began. */
  readonly at: number;
  /** Resident memory in MB. */
  readonly rss: number;
  readonly heap: number;
  /** Of the last second: 99th percentile and longest delay of the event loop in ms. */
  readonly p99: number;
  readonly longest: number;
}

const file = process.env["CITYSTREAM_GAUGE"];
if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const MB = 1024 * 1024;
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    const reading: Reading = {
      at: Math.round(performance.now()),
      rss: rss / MB,
      heap: heapUsed / MB,
      p99: delay.percentile(99) / 1e6,
      longest: delay.max / 1e6,
    };
    delay.reset();
    appendFileSync(file, `${JSON.stringify(reading)}\n`);
  }, 1000).unref();
}
