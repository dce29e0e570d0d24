/** Mocha's spec report, told to `npm test` as it goes: a mocha that dies in the middle still has its counts. */
import type { ChildProcess } from "node:child_process";
import type { Server, Socket } from "node:net";
import { Hook, type MochaOptions, reporters, type Runnable, Runner } from "mocha";

/** What `npm test` is told. */
export interface Report {
  /** Full title of the test that runs now; absent between tests. */
  readonly running?: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  /** All tests have run. */
  readonly ended: boolean;
}

export interface Failure {
  /** Full title, with those of the suites around it. */
  readonly title: string;
  /** Compiled file; absent where mocha does not say. */
  readonly file?: string | undefined;
  /** What failed is a hook: the tests after it have not run. */
  readonly hook: boolean;
}

/** Where a handle was first seen: the test or hook that opened it. */
const openers = new WeakMap<object, string>();

/** What was open before the tests: the process's own output. */
const START = "the start";

const handles = (): object[] => (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles();

class Reporter extends reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const failures: Failure[] = [];
    const report = (ended: boolean, running?: string): void => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      const said: Report = { passed, failed, skipped, failures, ended, ...(running !== undefined && { running }) };
      process.send?.(said);
    };
    const see = (opener: string): void => {
      for (const handle of handles()) if (!openers.has(handle)) openers.set(handle, opener);
    };
    see(START);
    const { EVENT_HOOK_END, EVENT_RUN_END, EVENT_SUITE_END, EVENT_TEST_BEGIN, EVENT_TEST_END, EVENT_TEST_FAIL } =
      Runner.constants;
    runner.on(EVENT_TEST_FAIL, (failed: Runnable) =>
      failures.push({ title: failed.fullTitle(), file: failed.file, hook: failed instanceof Hook }),
    );
    runner.on(EVENT_TEST_BEGIN, (test) => report(false, test.fullTitle()));
    runner.on(EVENT_TEST_END, (test) => {
      see(test.fullTitle());
      report(false);
    });
    runner.on(EVENT_HOOK_END, (hook) => see(`${hook.parent?.fullTitle()} ${hook.title}`));
    runner.on(EVENT_SUITE_END, (suite) => see(suite.fullTitle()));
    runner.once(EVENT_RUN_END, () => {
      report(true);
      setTimeout(tellOpen, 20_000).unref();
    });
    // the tests end with `npm test`, and the channel to it does not keep them running
    process.once("disconnect", () => process.exit(1));
    process.channel?.unref();
  }
}

/** Names what keeps this process running though all tests are done, and which test opened it. */
function tellOpen(): void {
  for (const handle of handles()) {
    const { _handle: inner, _type: type } = handle as { _handle?: { hasRef?(): boolean; fd?: number }; _type?: string };
    if (inner?.hasRef?.() === false || openers.get(handle) === START) continue;
    const { remoteAddress, remotePort, spawnargs, address } = handle as Partial<Socket & ChildProcess & Server>;
    const what =
      spawnargs?.join(" ") ??
      (remotePort === undefined
        ? `${JSON.stringify(address?.call(handle))} ${type ?? ""} fd ${inner?.fd}`
        : `${remoteAddress}:${remotePort}`);
    console.error(
      `still open: ${handle.constructor.name} ${what}, opened in: ${openers.get(handle) ?? "after the tests"}`,
    );
  }
  console.error(`still open: ${process.getActiveResourcesInfo().join(", ")}`);
}

module.exports = Reporter;
