/** Root hooks of mocha: what all tests share ends with them. */
import { closeBrowser } from "./editor/browser";
import { stopNodeRed } from "./harness";

export const mochaHooks = {
  async afterAll(): Promise<void> {
    await closeBrowser();
    await stopNodeRed();
  },
};
