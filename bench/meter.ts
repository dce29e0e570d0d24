/** What a process of a bench spends on records. */
import { monitorEventLoopDelay } from "node:perf_hooks";

/** From the first record to the last. */
export interface Measurement {
  /** Records a second. */
  readonly rate: number;
  /** CPU seconds of user and system. */
  readonly cpu: number;
  /** 99th percentile of the event loop's delay, in ms. */
  readonly loopP99: number;
  /** Highest resident memory, in MB. */
  readonly rss: number;
}

/** Measures from the first record that is counted to the last of `wanted`. */
export const meter = (wanted: number): { count(records: number): void; done: Promise<Measurement> } => {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let seen = 0;
  let start = 0;
  let cpu = process.cpuUsage();
  let rss = 0;
  let finish: (measurement: Measurement) => void = () => undefined;
  const done = new Promise<Measurement>((resolve) => (finish = resolve));
  const sample = setInterval(() => (rss = Math.max(rss, process.memoryUsage.rss())), 50);
  return {
    done,
    count(records) {
      if (seen === 0) {
        start = performance.now();
        cpu = process.cpuUsage();
        delay.enable();
      }
      seen += records;
      if (seen < wanted) return;
      const seconds = (performance.now() - start) / 1000;
      const used = process.cpuUsage(cpu);
      delay.disable();
      clearInterval(sample);
      rss = Math.max(rss, process.memoryUsage.rss());
      finish({
        rate: seen / seconds,
        cpu: (used.user + used.system) / 1e6,
        loopP99: delay.percentile(99) / 1e6,
        rss: rss / 1024 / 1024,
      });
    },
  };
};

/** Of sorted numbers, the one below which this part of them lies. */
export const quantile = (sorted: Float64Array, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
