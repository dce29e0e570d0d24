/**
 * Loaded into a Node-RED before everything else (`node -r gauge.js`): writes its memory and how late its event loop was to
 * the file that CITYSTREAM_GAUGE names, one line of JSON a second.
 *
 * A timer that is late tells of what blocks the event loop, and of a machine on which others run. So it also measures how
 * much CPU time the process used meanwhile: the lesser of the two is the process's own doing. perf_hooks'
 * `monitorEventLoopDelay` tells the interval of its timer with the delay, and cannot tell the two apart.
 */
import { appendFileSync } from "node:fs";

export interface Reading {
  /** ms since the process began. */
  readonly at: number;
  /** Resident memory in MB. */
  readonly rss: number;
  readonly heap: number;
  /** How often the timer came in this second. */
  readonly turns: number;
  /** How late it came, in ms, where that was more than 1. */
  readonly late: readonly number[];
  /** CPU time of the process for as long as it was late, in ms, where that was more than 1. */
  readonly own: readonly number[];
}

const INTERVAL = 5;

const file = process.env["CITYSTREAM_GAUGE"];
if (file !== undefined) {
  const MB = 1024 * 1024;
  const tenths = (ms: number): number => Math.round(ms * 10) / 10;
  let last = performance.now();
  let used = process.cpuUsage();
  let second = last;
  let turns = 0;
  let late: number[] = [];
  let own: number[] = [];
  setInterval(() => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(used);
    const delay = now - last - INTERVAL;
    const busy = Math.min(delay, (user + system) / 1000);
    turns += 1;
    if (delay > 1) late.push(tenths(delay));
    if (busy > 1) own.push(tenths(busy));
    if (now - second >= 1000) {
      const { rss, heapUsed } = process.memoryUsage();
      const reading: Reading = { at: Math.round(now), rss: rss / MB, heap: heapUsed / MB, turns, late, own };
      appendFileSync(file, `${JSON.stringify(reading)}\n`);
      second = now;
      turns = 0;
      late = [];
      own = [];
    }
    last = performance.now();
    used = process.cpuUsage();
  }, INTERVAL).unref();
}
