/**
 * Node-RED processes of one group with state by key, joining, leaving, dying, coming back and waking up after others went on
 * without them, while records keep coming. The flow is the caller's.
 */
import type { NodeRedChild } from "../../harness/child";
import { until, type FlowNode } from "../../harness";
import { startMember, stopMember } from "./member";
import type { Observer } from "./observer";

export interface MovedStateTrial {
  readonly observer: Observer;
  readonly brokers: string;
  /** For what Node-RED keeps; the caller removes it. */
  readonly folder: string;
  readonly group: string;
  readonly input: string;
  /** The flow of the member of this name. */
  flow(member: string): FlowNode[];
  /** Writes the records of a phase. */
  feed(phase: number): Promise<void>;
  /** Records of a phase. */
  readonly records: number;
}

/** What is done in the middle of each phase: `name` of the member. The paused one wakes up two phases later. */
const PHASES = [
  ["a joins", "b joins"],
  ["c joins"],
  ["b dies"],
  ["b joins"],
  ["a leaves"],
  ["a joins"],
  ["c is paused"],
  [],
  ["c wakes up"],
  ["b dies", "b joins"],
  ["a dies"],
  ["c leaves", "a joins"],
] as const;

export const MOVED_STATE_PHASES = PHASES.length;

/** Goes through all phases; resolves when every record is committed and all members have ended. */
export async function movedStateTrial(trial: MovedStateTrial): Promise<void> {
  const { observer, group, input, records } = trial;
  const members = new Map<string, NodeRedChild>();
  const committed = (): Promise<number> => observer.committedSum(group, input);
  const reached = (goal: number, phase: number): Promise<void> =>
    until(
      `${goal} records committed in phase ${phase}`,
      async () => (await committed()) >= goal,
      120_000,
      async () => `${await committed()}, ${[...members.keys()].join()} run`,
    );
  const acts: Record<string, (name: string, member: NodeRedChild | undefined) => Promise<unknown>> = {
    async joins(name) {
      members.set(name, await startMember(trial, name, trial.flow(name)));
    },
    async leaves(name, member) {
      members.delete(name);
      if (member) await stopMember(member);
    },
    async dies(name, member) {
      members.delete(name);
      await member?.kill9();
    },
    "is paused": async (_name, member) => member?.process.kill("SIGSTOP"),
    "wakes up": async (_name, member) => member?.process.kill("SIGCONT"),
  };
  try {
    for (const [phase, changes] of PHASES.entries()) {
      await trial.feed(phase);
      // In the middle of the phase's records; what a paused member has waits for others to be given it.
      if (phase > 0) await reached(Math.round((phase + 0.3) * records), phase);
      for (const change of changes) {
        const [name = "", ...act] = change.split(" ");
        await acts[act.join(" ")]?.(name, members.get(name));
      }
    }
    await reached(PHASES.length * records, PHASES.length);
    await Promise.all([...members.values()].map(stopMember));
  } finally {
    for (const member of members.values()) await member.kill9();
  }
}
