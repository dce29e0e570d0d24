/** Root hooks of mocha: what all tests share ends with them, and a failed test's surroundings are told. */
import * as fc from "fast-check";
import type { Context } from "mocha";
import { closeBrowser } from "./editor/browser";
import { lastLogged, stopNodeRed } from "./harness";
import { forgetEnded, lastWords } from "./harness/words";

/**
 * Properties try the same cases in each run, so that what is red was made red by the change at hand.
 * `CITYSTREAM_PROPERTY_SEED=random` looks for what no run has seen yet.
 */
const seed = process.env["CITYSTREAM_PROPERTY_SEED"] ?? "20251128";
if (seed !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });

export const mochaHooks = {
  beforeEach: forgetEnded,
  async afterEach(this: Context): Promise<void> {
    if (this.currentTest?.state !== "failed") return;
    const told = await lastWords();
    const logged = await lastLogged(40);
    if (logged.length > 0) told.push("the shared Node-RED logged last:", ...logged.map((line) => `  ${line}`));
    for (const line of told) console.error(`      ${line}`);
  },
  async afterAll(): Promise<void> {
    await closeBrowser();
    await stopNodeRed();
  },
};
