/** Points a flow's configuration nodes at the real services of this machine. */
import path from "node:path";
import type { Context } from "mocha";
import { serviceFor } from "../../tools/services/for-test";
import { mlserverWith, servedModels } from "../lib/forecast/engines/servers";
import type { FlowNode } from "./runtime";

/** For each type of configuration node: the settings that lead it to a service. */
const SETTINGS: Readonly<
  Record<string, (context: Context, node: FlowNode, folder: string) => Promise<Record<string, unknown>>>
> = {
  "citystream-connect-cluster": async (context) => ({ urls: (await serviceFor(context, "connect")).url }),
  "citystream-kafka-cluster": async (context) => ({ brokers: (await serviceFor(context, "kafka")).brokers }),
  "citystream-schema-registry": async (context) => ({ urls: (await serviceFor(context, "registry")).url }),
  "citystream-lake": (_context, node, folder) => Promise.resolve({ address: `file://${path.join(folder, node.id)}` }),
  "citystream-model-server": async (context) => {
    const models = await servedModels();
    return { protocol: "kserve", address: (await mlserverWith(context, models)).url };
  },
  "citystream-influx-server": async (context, node, folder) => {
    if (node["version"] === "files") return { address: `file://${path.join(folder, node.id)}` };
    const { url, database } = await serviceFor(context, "influx");
    return { version: "1", address: url, database };
  },
};

/**
 * The flow with its configuration nodes led to services, which are started when a node needs them. Folders of the flow
 * lie in `folder`. Skips the test, or fails it when CI=true, if this machine lacks a service.
 */
export async function pointAtServices(
  context: Context,
  flow: readonly FlowNode[],
  folder: string,
): Promise<FlowNode[]> {
  const pointed: FlowNode[] = [];
  for (const node of flow) {
    const settings = SETTINGS[node.type];
    pointed.push(settings ? { ...node, ...(await settings(context, node, folder)) } : node);
  }
  return pointed;
}

/** A `file://` address below `folder`. */
export const fileAddress = (folder: string, name: string): string => `file://${path.join(folder, name)}`;
