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
import type { Report } from "./test-reporter";

const root = path.resolve(__dirname, "../..");

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

/** Runs mocha over compiled tests; resolves with the last report and whether it ended well. */
async function mocha(files: readonly string[], flags: readonly string[]): Promise<{ report: Report; well: boolean }> {
  const reporter = path.join(__dirname, "test-reporter.js");
  const program = path.join(root, "node_modules/mocha/bin/mocha.js");
  const child = fork(program, ["--reporter", reporter, ...flags, ...files], { cwd: root });
  let report: Report = { passed: 0, failed: 0, skipped: 0, ended: false };
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
  const { report, well } =
    sources.length > 0
      ? await mocha(sources.map(compiled), flags)
      : { report: { passed: 0, failed: 0, skipped: 0, ended: true }, well: false };
  if (report.passed + report.failed === 0) console.error(`no test ran of ${given.join(" ") || "test"}`);
  process.exitCode = well && report.failed === 0 && report.passed > 0 ? 0 : 1;
  console.log(`${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
  console.log("0 passed, 1 failed, 0 skipped");
});
