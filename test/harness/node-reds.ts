/** The Node-RED versions that the pack supports, each with the Node.js it is tested on. */
import type { Context } from "mocha";
import { node24 } from "../../tools/services/node24";
import { MissingProgram } from "../../tools/services/programs";

export interface NodeRedVersion {
  readonly title: string;
  /** Name of the npm package in node_modules. */
  readonly nodeRed: "node-red" | "node-red-5";
  /** Value of CITYSTREAM_NODE_RED for child processes of the harness. */
  readonly version: "4" | "5";
  /** Path of the node binary; skips the test naming what is missing, fails when CI=true. */
  node(context: Context): Promise<string>;
}

export const NODE_REDS: readonly [NodeRedVersion, NodeRedVersion] = [
  { title: "Node-RED 4.1", nodeRed: "node-red", version: "4", node: () => Promise.resolve(process.execPath) },
  {
    title: "Node-RED 5 on Node.js 24",
    nodeRed: "node-red-5",
    version: "5",
    async node(context) {
      context.timeout(600_000);
      try {
        return await node24();
      } catch (error) {
        if (!(error instanceof MissingProgram) || process.env["CI"] === "true") throw error;
        console.warn(`      skipped: ${error.message}`);
        return context.skip();
      }
    },
  },
];
