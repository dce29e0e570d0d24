/** A test that fails while a child runs and a condition is waited for; run by words.test.ts in a mocha of its own. */
import { spawn } from "node:child_process";
import { keepWords, within } from "./words";

describe("a test", () => {
  it("passes, and its child is of no interest later", async () => {
    const child = spawn(process.execPath, ["-e", `console.log("of the first test")`]);
    keepWords("first", child);
    await new Promise((resolve) => child.once("close", resolve));
  });

  it("fails", async function failing() {
    const said = { lines: 0 };
    const child = spawn(process.execPath, [
      "-e",
      `for (let n = 1; n <= 250; n++) console.log("line " + n); console.error("a warning"); process.exitCode = 3;`,
    ]);
    keepWords("second", child, () => said.lines++);
    await new Promise((resolve) => child.once("close", resolve));
    this.timeout(500);
    await within(
      2_000,
      "what never comes",
      () => false,
      () => said,
    );
  });
});
