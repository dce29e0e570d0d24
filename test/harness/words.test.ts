import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { within } from "./words";

const MOCHA = path.resolve(__dirname, "../../../node_modules/mocha/bin/mocha.js");

/** Everything that a mocha of its own said about `failing.ts`. */
const runFailing = (): Promise<string> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MOCHA, path.join(__dirname, "failing.js")], (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });

describe("what is told of a failed test", () => {
  it("its children's last lines, how they ended, and what it still waited for", async () => {
    const said = await runFailing();
    assert.match(said, /1 passing/u);
    assert.match(said, /1 failing/u);
    assert.match(said, /still waiting after \d+ ms: what never comes; seen: \{"lines":250\}/u);
    assert.match(said, /second, process \d+, ended with code 3; its last 200 lines:/u);
    assert.match(said, /^ +line 250$/mu);
    assert.match(said, /^ +! a warning$/mu);
    assert.doesNotMatch(said, /line 50$/mu);
    assert.doesNotMatch(said, /of the first test/u);
  });

  it("what was seen when a condition did not come in time", async () => {
    await assert.rejects(
      within(
        20,
        "three of them",
        () => false,
        () => Promise.resolve({ came: 2 }),
      ),
      { message: 'not within 20 ms: three of them; seen: {"came":2}' },
    );
    await assert.rejects(
      within(
        20,
        "nothing",
        () => false,
        () => {
          throw new Error("gone");
        },
      ),
      { message: "not within 20 ms: nothing; what was seen could not be told: gone" },
    );
  });
});
