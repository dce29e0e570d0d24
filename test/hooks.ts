/** Root hooks of mocha: what all tests share ends with them. */
import { stopNodeRed } from "./harness";

export const mochaHooks = {
  afterAll: stopNodeRed,
};
