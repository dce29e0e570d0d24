/** Registering a connector: valid, put once, seen RUNNING with all its tasks. */
import { setTimeout as delay } from "node:timers/promises";
import { asError, Rejected, Retriable } from "../errors";
import type { ConnectCluster, ConnectorStatus, PartState } from "./cluster";
import { type Connector, sameConfig } from "./connector";

export type Action = "created" | "updated" | "unchanged";

/** What became of a registration. */
export interface Registered {
  readonly name: string;
  readonly action: Action;
  readonly type: string;
  readonly state: string;
  readonly worker: string;
  readonly tasks: readonly { readonly id: number; readonly state: string; readonly worker: string }[];
}

/** Where a registration stands. */
export type Step =
  | { readonly step: "waiting"; readonly reason: string }
  | { readonly step: "busy"; readonly reason: string }
  | { readonly step: "registering" }
  | { readonly step: "starting"; readonly running: number; readonly parts: number };

export interface RegisterOptions {
  /** ms until connector and tasks must run; time without a reachable Connect does not count. */
  readonly limit: number;
  /** ms for which they must keep running. */
  readonly settle: number;
  /** Ends the registration; rejects with the signal's reason. */
  readonly signal: AbortSignal;
  readonly progress: (step: Step) => void;
}

/** Time between two looks at the state, and the shortest and longest pause before another try, in ms. */
const look = 300;
const shortest = 300;
const longest = 10_000;

/**
 * Puts a connector's configuration unless Connect has it already, and resolves when the connector and all its tasks run.
 * Waits without end for a Connect that is out of reach, and up to the limit for one that is rebalancing or broken.
 * @throws Rejected what Connect or the plugin refuses; Retriable a part that failed, with its trace, or the limit
 */
export async function register(
  cluster: ConnectCluster,
  connector: Connector,
  options: RegisterOptions,
): Promise<Registered> {
  const patient = patience(options);
  const { name, config } = connector;
  const { signal, progress } = options;
  const action = await patient(async (): Promise<Action> => {
    progress({ step: "registering" });
    const before = await cluster.config(name, signal);
    if (before && sameConfig(before, config)) {
      await cluster.restartFailed(name, signal);
      return "unchanged";
    }
    const wrong = await refusals(cluster, connector, signal);
    if (wrong !== "") throw new Rejected(`connector "${name}": ${wrong}`);
    await cluster.put(name, config, signal);
    return before ? "updated" : "created";
  });
  const status = await running(cluster, name, options, patient);
  return {
    name,
    action,
    type: status.type,
    state: status.connector.state,
    worker: status.connector.worker_id,
    tasks: status.tasks.map(({ id, state, worker_id: worker }) => ({ id, state, worker })),
  };
}

/** The plugin's own refusals, setting by setting. A class that Connect lacks is refused by put, in better words. */
async function refusals(cluster: ConnectCluster, { config }: Connector, signal: AbortSignal): Promise<string> {
  const wrong = await cluster.validate(config, signal).catch((error: unknown) => {
    if (error instanceof Rejected) return [];
    throw error;
  });
  return wrong.map(({ setting, reasons }) => `${setting}: ${reasons.join(" ")}`).join("; ");
}

type Patient = <T>(attempt: () => Promise<T>) => Promise<T>;

/** Tries again what is retriable, with back-off: without end while Connect is away, else until the limit. */
function patience({ limit, signal, progress }: RegisterOptions): Patient {
  let until = Date.now() + limit;
  return async (attempt) => {
    for (let pause = shortest; ; pause = Math.min(pause * 2, longest)) {
      try {
        return await attempt();
      } catch (thrown) {
        const error = asError(thrown);
        if (!(error instanceof Retriable) || error instanceof PartFailed) throw error;
        if (error.unreachable) until = Date.now() + limit;
        else if (Date.now() > until) throw error;
        progress({ step: error.unreachable ? "waiting" : "busy", reason: error.message });
        await delay(pause / 2 + (Math.random() * pause) / 2, undefined, { signal });
      }
    }
  };
}

/** A connector or task is FAILED. */
class PartFailed extends Retriable {
  override readonly name = "PartFailed";
}

async function running(
  cluster: ConnectCluster,
  name: string,
  { limit, settle, signal, progress }: RegisterOptions,
  patient: Patient,
): Promise<ConnectorStatus> {
  const until = Date.now() + limit;
  let since: number | undefined;
  for (;;) {
    const status = await patient(() => cluster.status(name, signal));
    if (status) {
      const failure = failureOf(status);
      if (failure !== undefined) throw new PartFailed(failure);
      const parts = [status.connector, ...status.tasks];
      const up = parts.filter(({ state }) => state === "RUNNING").length;
      progress({ step: "starting", running: up, parts: parts.length });
      if (up === parts.length && status.tasks.length > 0) {
        since ??= Date.now();
        if (Date.now() - since >= settle) return status;
      } else since = undefined;
      if (status.connector.state === "PAUSED" || status.connector.state === "STOPPED") {
        throw new Rejected(`connector "${name}" is ${status.connector.state}: resume it in Kafka Connect`);
      }
    }
    if (Date.now() > until && since === undefined) {
      throw new Retriable(`connector "${name}" did not run within ${limit / 1000} s: ${describe(status)}`);
    }
    await delay(look, undefined, { signal });
  }
}

const describe = (status: ConnectorStatus | undefined): string =>
  status
    ? [`connector ${status.connector.state}`, ...status.tasks.map(({ id, state }) => `task ${id} ${state}`)].join(
        ", ",
      ) + (status.tasks.length === 0 ? ", no task" : "")
    : "Kafka Connect does not know it";

/** What failed and why, in a sentence; undefined when nothing did. */
function failureOf(status: ConnectorStatus): string | undefined {
  const named: [string, PartState][] = [
    [`connector "${status.name}"`, status.connector],
    ...status.tasks.map((task): [string, PartState] => [`task ${task.id} of connector "${status.name}"`, task]),
  ];
  const failed = named.filter(([, { state }]) => state === "FAILED");
  if (failed.length === 0) return undefined;
  return failed.map(([what, { trace = "" }]) => `${what} failed: ${causeOf(trace)}`).join("; ");
}

/** The message of a Java stack trace and of its innermost cause. */
export function causeOf(trace: string): string {
  const heads = trace.split("\n").filter((line) => /^(?:Caused by: )?[\w.$]+(?:Exception|Error|Throwable)/u.test(line));
  const outer = heads[0]?.trim() ?? trace.split("\n")[0]?.trim() ?? "";
  const inner =
    heads.length > 1
      ? heads
          .at(-1)
          ?.replace(/^Caused by: /u, "")
          .trim()
      : undefined;
  return inner && !outer.includes(inner) ? `${outer} (cause: ${inner})` : outer || "no trace given";
}
