/**
 * Membership of a consumer group (classic protocol) on the connections of @platformatic/kafka: join, share out as
 * leader, heartbeats, give back before joining again, leave. Its own consumer gives no moment to commit before a
 * rebalance, and its stream ends when the broker restarts (docs/decisions/kafka-client.md).
 */
import { explain } from "./errors";
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  PROTOCOL,
  rebalanceTimeout,
} from "./group-protocol";
import { countsOf } from "./platformatic-admin";
import type { Link } from "./platformatic-link";
import type { RawMember } from "./platformatic-package";
import { sleep, within } from "./sleep";
import type { TopicPartition } from "./port";

/** Numbers of the protocol. */
const COORDINATOR_AWAY = new Set([14, 15, 16]);
const ILLEGAL_GENERATION = 22;
const UNKNOWN_MEMBER_ID = 25;
const REBALANCE_IN_PROGRESS = 27;
const MEMBER_ID_REQUIRED = 79;
const FENCED_INSTANCE_ID = 82;
/** Errors that say that this member must join again. */
export const REJOIN: ReadonlySet<number> = new Set([
  ILLEGAL_GENERATION,
  UNKNOWN_MEMBER_ID,
  REBALANCE_IN_PROGRESS,
  FENCED_INSTANCE_ID,
  ...COORDINATOR_AWAY,
]);

/** Longest wait for the coordinator when this member leaves, in ms. */
const LEAVE_LIMIT = 2000;

/** True when another process has joined under this member's name. */
export const isFenced = (error: unknown): boolean => (error as { type?: string }).type === "FENCED_INSTANCE_ID";

export interface Member {
  readonly memberId: string;
  readonly generation: number;
  /** Static membership: the name under which it may restart without a rebalance. */
  readonly instanceId: string | null;
}

export interface GroupOptions {
  readonly groupId: string;
  readonly instanceId: string | null;
  readonly sessionTimeout: number;
  /** What to subscribe to now. */
  topics(): Promise<readonly string[]>;
}

export interface GroupEvents {
  /** `kept`: what it had before was never out of its hands. */
  assigned(partitions: readonly TopicPartition[], member: Member, kept: boolean): void;
  /** The assignment ends when this resolves. */
  revoking(): Promise<void>;
  /** The coordinator takes this member for alive. */
  alive(): void;
  trouble(error: Error): void;
}

export interface Group {
  /** Until the signal aborts. @throws when another process has joined under this member's name */
  run(): Promise<void>;
  /** Asks the coordinator. False: not any more, or not for long, since the group rebalances. @throws when it is out of reach */
  has(member: Member): Promise<boolean>;
  /** Joins again: subscribes anew, and shares out anew when it leads. */
  rejoin(): void;
  /** What it subscribed to when it last joined. */
  readonly subscribed: readonly string[] | undefined;
  /** The partitions of each topic that it shared out, when it leads the group. */
  readonly shared: ReadonlyMap<string, number>;
}

export const makeGroup = (link: Link, options: GroupOptions, events: GroupEvents, signal: AbortSignal): Group => {
  const { groupId, instanceId, sessionTimeout } = options;
  const interval = Math.min(3000, sessionTimeout / 3);
  let memberId = "";
  let last: Member | undefined;
  let owned: readonly TopicPartition[] = [];
  let subscribed: readonly string[] | undefined;
  let shared: ReadonlyMap<string, number> = new Map();
  let wake = new AbortController();

  const shareOut = async (members: readonly RawMember[]): Promise<{ memberId: string; assignment: Buffer }[]> => {
    const subscriptions = new Map(members.map((each) => [each.memberId, decodeSubscription(each.metadata)]));
    shared = await countsOf(link, [...new Set([...subscriptions.values()].flatMap(({ topics }) => topics))]);
    return [...assign(subscriptions, shared)].map(([id, share]) => ({
      memberId: id,
      assignment: encodeAssignment(share),
    }));
  };

  /** What a refusal means for this member; throws what trying again does not mend. */
  const refused = async (code: number): Promise<void> => {
    if (COORDINATOR_AWAY.has(code)) link.forgetCoordinator();
    else if (code === UNKNOWN_MEMBER_ID) {
      memberId = "";
      owned = [];
    } else if (code !== REBALANCE_IN_PROGRESS && code !== ILLEGAL_GENERATION && code !== MEMBER_ID_REQUIRED)
      await link.check(code);
  };

  /** One try to join; undefined when it must be tried again. */
  const tryToJoin = async (): Promise<{ member: Member; partitions: TopicPartition[] } | undefined> => {
    const { joinGroupV5, syncGroupV3 } = await link.lib();
    const topics = await options.topics();
    const line = await link.coordinator(groupId, "join");
    const protocols = [{ name: PROTOCOL, metadata: encodeSubscription({ topics, owned }) }];
    const joined = await link.ask(
      joinGroupV5,
      line,
      groupId,
      sessionTimeout,
      rebalanceTimeout(sessionTimeout),
      memberId,
      instanceId,
      "consumer",
      protocols,
    );
    if (joined.errorCode === MEMBER_ID_REQUIRED) memberId = joined.memberId;
    if (joined.errorCode !== 0) {
      await refused(joined.errorCode);
      return undefined;
    }
    ({ memberId } = joined);
    shared = new Map();
    subscribed = topics;
    const assignments = joined.leader === memberId ? await shareOut(joined.members) : [];
    const { generationId: generation } = joined;
    const synced = await link.ask(
      syncGroupV3,
      line,
      groupId,
      generation,
      memberId,
      instanceId,
      "consumer",
      PROTOCOL,
      assignments,
    );
    if (synced.errorCode !== 0) {
      await refused(synced.errorCode);
      return undefined;
    }
    return { member: { memberId, generation, instanceId }, partitions: decodeAssignment(synced.assignment) };
  };

  const beat = async (member: Member): Promise<number> => {
    const { heartbeatV3 } = await link.lib();
    const line = await link.coordinator(groupId, "group");
    // A connection that is dead and does not say so would cost the membership.
    const timer = setTimeout(() => link.drop(line), Math.max(1000, sessionTimeout / 2));
    try {
      const asked = link.ask(heartbeatV3, line, groupId, member.generation, member.memberId, instanceId);
      return (await asked).errorCode;
    } finally {
      clearTimeout(timer);
    }
  };

  /** Heartbeats until it must join again or ends. True when the assignment is not its own any more. */
  const stay = async (member: Member): Promise<boolean> => {
    let seen = Date.now();
    while (!signal.aborted && !wake.signal.aborted) {
      await sleep(interval, AbortSignal.any([signal, wake.signal]));
      if (signal.aborted || wake.signal.aborted) break;
      try {
        const code = await beat(member);
        if (code === 0) {
          seen = Date.now();
          events.alive();
        } else {
          await refused(code);
          if (code === REBALANCE_IN_PROGRESS) return false;
          if (!COORDINATOR_AWAY.has(code)) return true;
        }
      } catch (error) {
        if (isFenced(error)) throw error;
        link.forgetCoordinator();
        events.trouble(explain(error, link.context));
      }
      if (Date.now() - seen > sessionTimeout) return true;
    }
    return false;
  };

  const giveBack = async (member: Member, lost: boolean): Promise<void> => {
    const beating = setInterval(() => {
      if (!lost) beat(member).catch(() => undefined);
    }, interval);
    try {
      // Whoever takes longer than the coordinator waits is out of the group.
      await within(events.revoking(), rebalanceTimeout(sessionTimeout) * 0.7);
    } finally {
      clearInterval(beating);
    }
  };

  const leave = async (): Promise<void> => {
    if (memberId === "") return;
    const { leaveGroupV3 } = await link.lib();
    const line = await link.coordinator(groupId, "group");
    await link.ask(leaveGroupV3, line, groupId, [{ memberId, groupInstanceId: instanceId }]);
  };

  const joinAgain = async (): Promise<{ member: Member; partitions: TopicPartition[] } | undefined> => {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const joined = await tryToJoin();
        if (joined) return joined;
      } catch (error) {
        if (isFenced(error)) throw error;
        link.forgetCoordinator();
        events.trouble(explain(error, link.context));
      }
      await sleep(Math.min(5000, 20 * 2 ** failures) * (0.5 + Math.random() / 2), signal);
    }
    return undefined;
  };

  return {
    get subscribed() {
      return subscribed;
    },
    get shared() {
      return shared;
    },
    async has(member) {
      const code = await beat(member);
      if (COORDINATOR_AWAY.has(code)) link.forgetCoordinator();
      return code === 0;
    },
    rejoin() {
      wake.abort();
    },
    async run() {
      const aborted = new Promise<undefined>((resolve) => {
        if (signal.aborted) resolve(undefined);
        signal.addEventListener("abort", () => resolve(undefined));
      });
      try {
        while (!signal.aborted) {
          wake = new AbortController();
          // The coordinator answers only when all members have joined: closing does not wait for that.
          const joined = await Promise.race([joinAgain(), aborted]);
          if (!joined) return;
          const { member, partitions } = joined;
          const kept = last?.memberId === member.memberId && member.generation === last.generation + 1;
          last = member;
          owned = partitions;
          events.assigned(partitions, member, kept);
          const lost = (await Promise.race([stay(member), aborted])) ?? false;
          await giveBack(member, lost);
        }
      } finally {
        await within(leave(), LEAVE_LIMIT).catch(() => undefined);
      }
    },
  };
};
