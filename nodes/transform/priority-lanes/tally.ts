/** What has passed and what waits, by class, for people and for messages. */
import { Rejected } from "../../lib/errors";
import type { Overflow, Waiting } from "../../lib/spool/overflow";
import type { Scheduler } from "../../lib/stream/priority/scheduler";
import type { Lane } from "./options";

export type Shed = "deadline" | "class" | "full";

const REASONS: Readonly<Record<Shed, string>> = {
  deadline: "its deadline has passed",
  class: "the class is full",
  full: "there is no more room",
};

/** What a record fails with that is shed where no wire takes it; `waited` in ms. */
export const shedError = (lane: string, waited: number, why: Shed): Rejected =>
  new Rejected(`shed from class "${lane}" after ${waited} ms: ${REASONS[why]}; wire the second output to keep it`);

export interface ClassCounts {
  readonly name: string;
  readonly from: number;
  readonly waiting: number;
  /** How long the one that waits longest has waited, ms; null when none waits. */
  readonly oldest: number | null;
  /** Since the start. */
  readonly passed: number;
  readonly shed: number;
}

export class Tally {
  readonly passed: number[];
  readonly shed: Record<Shed, number> = { deadline: 0, class: 0, full: 0 };
  private readonly shedIn: number[];

  constructor(private readonly lanes: readonly Lane[]) {
    this.passed = lanes.map(() => 0);
    this.shedIn = lanes.map(() => 0);
  }

  pass(level: number): void {
    this.passed[level] = (this.passed[level] ?? 0) + 1;
  }

  drop(level: number, why: Shed): void {
    this.shed[why]++;
    this.shedIn[level] = (this.shedIn[level] ?? 0) + 1;
  }

  /** What waits, where, and what has become of others, for a message. */
  report<T extends Waiting>(scheduler: Scheduler<T>, overflow: Overflow<T>, underWay: number): object {
    return {
      waiting: scheduler.waiting,
      underWay,
      shed: { ...this.shed },
      memory: { messages: overflow.memoryCount, bytes: overflow.memoryBytes },
      disk: { messages: overflow.stored, bytes: overflow.diskBytes },
      classes: this.classes(scheduler, Date.now()),
    };
  }

  /** Highest class first. */
  classes<T>(scheduler: Scheduler<T>, now: number): ClassCounts[] {
    return scheduler
      .report()
      .map(({ from, waiting, oldest }, level) => ({
        name: this.lanes[level]?.name ?? "",
        from,
        waiting,
        oldest: oldest === undefined ? null : Math.max(0, now - oldest),
        passed: this.passed[level] ?? 0,
        shed: this.shedIn[level] ?? 0,
      }))
      .toReversed();
  }
}
