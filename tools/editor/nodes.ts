/** Finds the nodes of the pack: one folder a node, below the folder of its group. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import type { Declaration, Group } from "../../nodes/lib/declare";

export const ROOT = path.resolve(__dirname, "../../..");
export const GROUPS: readonly Group[] = ["config", "source", "transform", "sink", "control"];

export interface PackNode {
  /** Node set name: the type without its prefix, and the name of its files. */
  readonly set: string;
  readonly declaration: Declaration;
  /** Folder with help and Korean words, in the sources. */
  readonly source: string;
  /** Folder of the compiled file that Node-RED loads. */
  readonly output: string;
}

/** All nodes, in the order of the groups and of their names. */
export function packNodes(): PackNode[] {
  return GROUPS.flatMap((group) => {
    const folder = path.join(ROOT, "nodes", group);
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .sort()
      .flatMap((set) => {
        const output = path.join(ROOT, "dist/nodes", group, set);
        if (!existsSync(path.join(output, "declaration.js"))) return [];
        const { declaration } = require(path.join(output, "declaration.js")) as { declaration: Declaration };
        if (declaration.type !== `citystream-${set}`) {
          throw new Error(`${group}/${set}/declaration.ts declares ${declaration.type}: the folder's name must match`);
        }
        if (declaration.group !== group)
          throw new Error(`${set} declares group ${declaration.group} in nodes/${group}`);
        return [{ set, declaration, source: path.join(folder, set), output }];
      });
  });
}
