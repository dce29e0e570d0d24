/**
 * `npm test`: all tests, or `npm test -- test/lib/lake …` some of them; other arguments go to mocha.
 * The last line is `N passed, N failed, N skipped`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { programs, services } from "./services";
import { MissingProgram } from "./services/programs";
import { lanesOf, passOn } from "./test-lanes";
import type { Report } from "./test-reporter";
import { pattern, triesAgain } from "./test-tries";

const root = path.resolve(__dirname, "../..");

const NONE: Report = { passed: 0, failed: 0, skipped: 0, failures: [], ended: true };

/** ms that the tests' process may take to end after the last test. */
const leavingTime = 25_000;

/** Sources of the tests below a path that a user typed. */
function testsIn(given: string): string[] {
  const found = path.resolve(root, given);
  if (given.endsWith(".test.ts")) return existsSync(found) ? [found] : [];
  if (!existsSync(found)) return [];
  return readdirSync(found, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => path.join(found, file));
}

const compiled = (source: string): string =>
  path.join(root, "dist", path.relative(root, source).replace(/\.ts$/u, ".js"));

/** Fetches and builds everything first, so that no test waits for it. What is missing, the tests that need it will say. */
async function install(): Promise<void> {
  const all = Object.entries({ ...services, ...programs }).map(async ([name, one]) => {
    try {
      await one.install();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.warn(
        error instanceof MissingProgram ? `${name}: ${reason}` : `${name} could not be installed: ${reason}`,
      );
    }
  });
  await Promise.all(all);
}

interface Run {
  readonly report: Report;
  /** It ended by itself and nothing failed. */
  readonly well: boolean;
}

/**
 * Runs mocha over compiled tests; resolves with its last report.
 * @param mark stands before each line of its output
 */
async function mocha(files: readonly string[], flags: readonly string[], mark = ""): Promise<Run> {
  const reporter = path.join(__dirname, "test-reporter.js");
  const program = path.join(root, "node_modules/mocha/bin/mocha.js");
  const child = fork(program, ["--reporter", reporter, ...flags, ...files], { cwd: root, silent: mark !== "" });
  passOn(child.stdout, process.stdout, mark);
  passOn(child.stderr, process.stderr, mark);
  let report: Report = { ...NONE, ended: false };
  let running: string | undefined;
  let leaving: NodeJS.Timeout | undefined;
  let left = false;
  child.on("message", (said: Report) => {
    report = said;
    running = said.running;
    if (said.ended)
      leaving = setTimeout(() => {
        left = true;
        endLeft(child);
      }, leavingTime);
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  clearTimeout(leaving);
  // Told of, not failed: of a timer nobody can say which test began it.
  if (report.ended && left) return { report, well: report.failed === 0 };
  if (report.ended) return { report, well: code === 0 || report.failed === 0 };
  console.error(
    `the tests ended before they were done (${signal ?? `code ${code}`})${running ? ` in: ${running}` : ""}`,
  );
  return { report: { ...report, failed: report.failed + 1 }, well: false };
}

function endLeft(child: ChildProcess): void {
  console.error(`what the lines above name was still open ${leavingTime / 1000} s after the last test`);
  child.kill("SIGTERM");
  setTimeout(() => child.kill("SIGKILL"), 5000).unref();
}

async function main(args: readonly string[]): Promise<void> {
  const given = args.filter(
    (arg) => !arg.startsWith("-") && (existsSync(path.resolve(root, arg)) || arg.endsWith(".ts")),
  );
  const flags = args.filter((arg) => !given.includes(arg));
  const sources = (given.length > 0 ? given : ["test"]).flatMap(testsIn).sort();
  if (given.length === 0) await install();
  const { report, well } = args.length > 0 ? await some(sources, flags) : await again(await inLanes(sources));
  if (report.passed + report.failed === 0) console.error(`no test ran of ${given.join(" ") || "test"}`);
  process.exitCode = well && report.failed === 0 && report.passed > 0 ? 0 : 1;
  console.log(`${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`);
}

const some = async (sources: readonly string[], flags: readonly string[]): Promise<Run> =>
  sources.length > 0 ? mocha(sources.map(compiled), flags) : { report: NONE, well: false };

/** Runs all lanes at once; counts are those of all. */
async function inLanes(sources: readonly string[]): Promise<Run> {
  const lanes = lanesOf(sources, path.join(root, "test"));
  if (lanes.length === 1) return some(sources, []);
  const runs = await Promise.all(lanes.map(async (lane, at) => mocha(lane.map(compiled), [], `${at + 1} `)));
  const reports = runs.map(({ report }) => report);
  const sum = (count: "passed" | "failed" | "skipped"): number =>
    reports.reduce((total, report) => total + report[count], 0);
  return {
    report: {
      passed: sum("passed"),
      failed: sum("failed"),
      skipped: sum("skipped"),
      failures: reports.flatMap(({ failures }) => failures),
      ended: reports.every(({ ended }) => ended),
    },
    well: runs.every((run) => run.well),
  };
}

/** Tries what failed once more, where that is allowed, and names what passed only then. */
async function again(first: Run): Promise<Run> {
  const { failures, failed, passed } = first.report;
  const tried = first.report.ended ? triesAgain(failures, path.join(root, "dist/test")) : [];
  if (tried.length === 0) return first;
  console.log(`\n${tried.length} of ${failed} failed tests are tried once more, see docs/development.md:`);
  const files = [...new Set(tried.map(({ file }) => file))];
  const { report: second } = await mocha(files, ["--grep", pattern(tried)]);
  const failedAgain = new Set(second.failures.map(({ title }) => title));
  const passedNow = second.ended && second.passed + second.failed === tried.length ? second.passed : 0;
  if (passedNow > 0)
    for (const { title } of tried.filter((one) => !failedAgain.has(one.title)))
      console.log(`passed at the second try only: ${title}`);
  const report = { ...first.report, passed: passed + passedNow, failed: failed - passedNow };
  return { report, well: report.failed === 0 };
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
  console.log("0 passed, 1 failed, 0 skipped");
});
