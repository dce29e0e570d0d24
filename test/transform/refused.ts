import assert from "node:assert/strict";
import type { Message } from "../../nodes/lib/delivery/contract";
import { nodeRed, type FlowNode } from "../harness";
import { errorOf } from "./read";

/**
 * That wrong settings are named in the log at deploy, and again for each message, which fails.
 * @param flow of settings: the node is `node`, and what fails comes to `caught`
 */
export async function assertRefused(
  flow: (settings: Record<string, unknown>) => FlowNode[],
  cases: readonly (readonly [settings: Record<string, unknown>, said: RegExp])[],
  message: () => Message,
): Promise<void> {
  const red = await nodeRed();
  for (const [settings, said] of cases) {
    red.logs.length = 0;
    await red.deploy(flow(settings));
    assert.ok(
      red.logs.some((entry) => said.test(String(entry.msg))),
      `${said}: ${JSON.stringify(red.logs)}`,
    );
    red.receive("node", message());
    assert.match(errorOf((await red.arrived("caught", 1))[0]), said);
  }
}
