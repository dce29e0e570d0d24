/** Node-RED processes of a trial: started, redeployed, ended. */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startChild, type NodeRedChild } from "../../harness/child";
import type { FlowNode } from "../../harness/runtime";
import type { Hdfs } from "./hdfs-place";

export interface Surroundings {
  /** Where Node-RED finds Kafka. */
  readonly brokers: string;
  /** Where the observer finds it, if elsewhere: past a proxy. */
  readonly observed?: string | undefined;
  /** Further settings of the cluster node: the driver. */
  readonly cluster?: Readonly<Record<string, unknown>> | undefined;
  /** A folder for this trial's files; the caller removes it. */
  readonly folder: string;
  readonly influx?: { readonly url: string; readonly database: string } | undefined;
  readonly hdfs?: Hdfs | undefined;
  /** Path of the node binary for Node-RED; this process's own when absent. */
  readonly node?: string | undefined;
  readonly nodeArguments?: readonly string[] | undefined;
  readonly env?: Record<string, string> | undefined;
}

/** Starts Node-RED with a flow in a user directory of its own, which outlives it. */
export async function startMember(
  { folder, node, nodeArguments, env }: Surroundings,
  name: string,
  flow: readonly FlowNode[],
): Promise<NodeRedChild> {
  const userDir = path.join(folder, name);
  mkdirSync(userDir, { recursive: true });
  // What the last deploy left would be started first, and stopped by this one.
  rmSync(path.join(userDir, "flows.json"), { force: true });
  const flowFile = path.join(folder, `${name}.json`);
  writeFileSync(flowFile, JSON.stringify(flow));
  const member = await startChild({
    userDir,
    flowFile,
    ...(node === undefined ? {} : { node }),
    ...(nodeArguments === undefined ? {} : { nodeArguments }),
    ...(env === undefined ? {} : { env }),
  });
  // Everything it says, for whoever looks into a trial that failed.
  const log = path.join(folder, `${name}.log`);
  for (const output of [member.process.stdout, member.process.stderr])
    output?.on("data", (bytes: Buffer) => appendFileSync(log, bytes));
  return member;
}

export type Deployment = "full" | "flows" | "nodes";

/** Deploys a flow as the editor does. */
export async function redeploy(member: NodeRedChild, flow: readonly FlowNode[], type: Deployment): Promise<void> {
  const answer = await fetch(`${member.url}/flows`, {
    method: "POST",
    headers: { "content-type": "application/json", "Node-RED-Deployment-Type": type },
    body: JSON.stringify(flow),
  });
  if (!answer.ok) throw new Error(`the deploy was answered with ${answer.status}: ${await answer.text()}`);
}

/** Ends a Node-RED as an operator would. @throws when it has not ended after a minute */
export async function stopMember(member: NodeRedChild): Promise<void> {
  const LIMIT = 60_000;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Node-RED had not ended ${LIMIT / 1000} s after SIGTERM`)), LIMIT);
  });
  try {
    await Promise.race([member.stop(), late]);
  } finally {
    clearTimeout(timer);
    await member.kill9();
  }
}
