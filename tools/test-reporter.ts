/** Mocha's spec report, told to `npm test` as it goes: a mocha that dies in the middle still has its counts. */
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { type MochaOptions, reporters, Runner } from "mocha";

/** What `npm test` is told. */
export interface Report {
  /** Full title of the test that runs now; absent between tests. */
  readonly running?: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** All tests have run. */
  readonly ended: boolean;
}

class Reporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const report = (ended: boolean, running?: string): void => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      const said: Report = { passed, failed, skipped, ended, ...(running !== undefined && { running }) };
      process.send?.(said);
    };
    const { EVENT_RUN_END, EVENT_TEST_BEGIN, EVENT_TEST_END } = Runner.constants;
    runner.on(EVENT_TEST_BEGIN, (test) => report(false, test.fullTitle()));
    runner.on(EVENT_TEST_END, () => report(false));
    runner.once(EVENT_RUN_END, () => {
      report(true);
      setTimeout(tellOpen, 10_000).unref();
    });
    // the tests end with `npm test`, and the channel to it does not keep them running
    process.once("disconnect", () => process.exit(1));
    process.channel?.unref();
  }
}

/** Names what keeps this process running though all tests are done. */
function tellOpen(): void {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): object[] };
  for (const handle of handles.call(process)) {
    const { remoteAddress, remotePort, spawnargs } = handle as Partial<Socket & ChildProcess>;
    const what = spawnargs?.join(" ") ?? (remotePort === undefined ? "" : `${remoteAddress}:${remotePort}`);
    console.error(`still open: ${handle.constructor.name} ${what}`.trim());
  }
  console.error(`still open: ${process.getActiveResourcesInfo().join(", ")}`);
}

module.exports = Reporter;
