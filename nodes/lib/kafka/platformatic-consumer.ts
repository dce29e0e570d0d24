/** The consumer on @platformatic/kafka: membership, fetching, commits of the present assignment, and new starts for ever. */
import { asError, ConfigError, Retriable } from "../errors";
import { fencedInstance, leaderless, outOfRange } from "./answers";
import { explain } from "./errors";
import { countsOf, offsetsAt, topics as allTopics } from "./platformatic-admin";
import { makeFetching, type Fetching } from "./platformatic-fetch";
import { isFenced, makeGroup, type Group, type Member } from "./platformatic-group";
import { makeLink, type Link } from "./platformatic-link";
import { commitPositions } from "./platformatic-commit";
import { beginAt } from "./platformatic-start";
import { watchTopics } from "./platformatic-topics";
import { sleep, within } from "./sleep";
import { watchProgress, type Watchdog } from "./watchdog";
import type { ClusterOptions, Consumer, ConsumerEvents, ConsumerOptions, Position, TopicPartition } from "./port";

const FIRST_BACK_OFF = 200;
const LONGEST_BACK_OFF = 5000;
/** Longest wait for a clean end, in ms. */
const CLOSE_LIMIT = 5000;

/** How often leaders are looked for of partitions that have none, in ms. */
const UNLED_INTERVAL = 2000;
/** Longest wait for records that are being taken when partitions are given back, in ms. */
const TAKE_LIMIT = 300;
/** Every request is given up before; what stands still for longer is the client itself. In ms. */
const STALL_LIMIT = 60_000;

/** One assignment. */
interface Assignment {
  readonly epoch: number;
  readonly member: Member;
  readonly fetching: Fetching;
  readonly link: Link;
  readonly owned: ReadonlySet<string>;
  ended: boolean;
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** @param entry what `findPackage` found */
export const makeConsumer = (
  cluster: ClusterOptions,
  entry: string,
  options: ConsumerOptions,
  events: ConsumerEvents,
): Consumer => {
  const { groupId, sessionTimeout } = options;
  const closing = new AbortController();
  let current: Assignment | undefined;
  let present: Group | undefined;
  let epochs = 0;
  let { instanceId } = options;
  /** Ends the present membership, for a new one. */
  let watchdog: Watchdog | undefined;
  let crash: (error: Error) => void = () => undefined;
  /** Trouble that stays while the membership is fine. */
  let missing: Error | undefined;
  let unled: Error | undefined;
  let blocked: Error | undefined;
  const show = (): void => events.state(missing ?? unled ?? blocked);
  /** What there was when it began: what comes later, "latest" must not skip the first records of. */
  let first: ReadonlyMap<string, number> | undefined;
  const isNew = ({ topic, partition }: TopicPartition): boolean =>
    first !== undefined && partition >= (first.get(topic) ?? 0);

  const topicsNow = async (link: Link): Promise<string[]> => {
    const named = options.topics.filter((topic) => typeof topic === "string");
    const patterns = options.topics.filter((topic) => topic instanceof RegExp);
    if (patterns.length === 0) return [...new Set(named)];
    const matched = (await allTopics(link)).filter(
      (topic) => !topic.startsWith("__") && patterns.some((pattern) => pattern.test(topic)),
    );
    if (matched.length + named.length === 0) {
      first ??= new Map();
      throw new Retriable(`No topic matches ${options.topics.join(", ")} yet; waiting until one does`);
    }
    return [...new Set([...named, ...matched])].toSorted((a, b) => (a < b ? -1 : 1));
  };

  /** Finds where partitions begin, however often it takes. */
  const begin = async (own: Assignment, partitions: readonly TopicPartition[]): Promise<void> => {
    let left = partitions;
    for (let failures = 0; !own.ended && left.length > 0; failures++)
      try {
        await events.beforeOffsets?.(own.epoch);
        if (own.ended) return;
        const beginning = await beginAt(own.link, options, left, isNew);
        if (own.ended) return;
        own.fetching.begin(beginning.positions);
        commit(beginning.commit.map((position) => ({ ...position, epoch: own.epoch }))).catch((error: Error) =>
          events.warn(`The start position is not committed yet: ${error.message}`),
        );
        left = beginning.unled;
        unled = left.length > 0 ? leaderless(left) : undefined;
        show();
        if (unled) await sleep(UNLED_INTERVAL, closing.signal);
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        if (!own.ended) events.state(explain(error, own.link.context));
        await sleep(Math.min(2000, 50 * 2 ** failures), closing.signal);
      }
  };

  const assign = (
    link: Link,
    partitions: readonly TopicPartition[],
    member: Member,
    kept: boolean,
    failed: (error: Error) => void,
  ): void => {
    const epoch = ++epochs;
    [blocked, unled] = [undefined, undefined];
    const fetching = makeFetching(
      link,
      {
        epoch,
        partitionBytes: options.partitionBytes ?? 1024 * 1024,
        fetchBytes: options.fetchBytes ?? 8 * 1024 * 1024,
        readUncommitted: options.readUncommitted ?? false,
        wanted: events.wanted,
      },
      {
        records: (batch) => events.records(batch),
        async outOfRange(partition) {
          const [earliest] = await offsetsAt(link, [partition], "earliest");
          const offset = earliest?.offset ?? 0;
          events.warn(outOfRange(partition, offset));
          commit([{ ...partition, offset, epoch }]).catch(() => undefined);
          return offset;
        },
        blocked(error) {
          blocked = error;
          show();
        },
        answered: () => watchdog?.progress(),
        failed,
      },
    );
    const own: Assignment = { epoch, member, fetching, link, owned: new Set(partitions.map(keyOf)), ended: false };
    current = own;
    const from = events.assigned(partitions, epoch, kept);
    fetching.begin(from);
    const known = new Set(from.map(keyOf));
    begin(
      own,
      partitions.filter((each) => !known.has(keyOf(each))),
    ).catch((error: unknown) => failed(asError(error)));
    show();
  };

  const revoke = async (): Promise<void> => {
    const own = current;
    if (!own) return;
    own.ended = true;
    const taken = own.fetching.end();
    await within(taken, TAKE_LIMIT);
    // Its commits are still taken until the group is joined again.
    await events.revoking(own.epoch);
    if (current === own) current = undefined;
  };

  /** Runs until something is wrong that a new start may mend, or the consumer closes. */
  const once = async (): Promise<void> => {
    const link = makeLink(cluster, entry, sessionTimeout);
    const ending = new AbortController();
    const signal = AbortSignal.any([closing.signal, ending.signal]);
    let failure: Error | undefined;
    const failed = (error: Error): void => {
      failure ??= error;
      ending.abort();
    };
    crash = failed;
    const group: Group = makeGroup(
      link,
      {
        groupId,
        instanceId: instanceId ?? null,
        sessionTimeout,
        async topics() {
          const topics = await topicsNow(link);
          if (options.start === "latest") first ??= await countsOf(link, topics);
          return topics;
        },
      },
      {
        assigned: (partitions, member, kept) => assign(link, partitions, member, kept, failed),
        revoking: revoke,
        alive() {
          watchdog?.progress();
          show();
        },
        trouble(error) {
          // What fails is known, and tried again.
          watchdog?.progress();
          events.state(error);
        },
      },
      signal,
    );
    present = group;
    watchdog = watchProgress(options.stallLimit ?? STALL_LIMIT, (idle) => {
      const text = `Nothing has moved for ${Math.round(idle / 1000)} s (${link.outstanding() || "no request is open"}): the consumer starts again`;
      events.warn(text);
      failed(new Retriable(text));
    });
    void watchTopics(
      link,
      () => topicsNow(link),
      group,
      signal,
      (error) => {
        if (missing?.message === error?.message) return;
        missing = error;
        show();
      },
    );
    try {
      await group.run();
    } finally {
      ending.abort();
      watchdog.stop();
      await revoke();
      await link.close();
    }
    if (failure) throw failure;
  };

  const supervise = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted;) {
      const started = Date.now();
      try {
        await once();
      } catch (error) {
        if (isFenced(error) && instanceId !== undefined) {
          events.warn(fencedInstance(groupId, instanceId));
          instanceId = undefined;
          continue;
        }
        if (!closing.signal.aborted) events.state(explain(error, { brokers: cluster.brokers, tls: !!cluster.tls }));
      }
      if (Date.now() - started > 30_000) failures = 0;
      const longest = Math.min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** failures++);
      await sleep(longest * (0.5 + Math.random() / 2), closing.signal);
    }
  };

  const commit = async (positions: readonly Position[]): Promise<readonly Position[]> => {
    const own = current;
    const due = positions.filter(({ epoch }) => epoch === own?.epoch);
    if (!own || due.length === 0) return [];
    return (await commitPositions(own.link, groupId, own.member, due)) ? due : [];
  };

  const isMember = async (epoch: number): Promise<boolean> => {
    const own = current?.epoch === epoch && !current.ended ? current : undefined;
    if (!own) return false;
    try {
      return (await present?.has(own.member)) ?? false;
    } catch (error) {
      own.link.forgetCoordinator();
      if (isFenced(error)) return false;
      throw explain(error, own.link.context);
    }
  };

  const running = supervise();
  return {
    commit,
    isMember,
    membership(epoch) {
      const member = current?.epoch === epoch ? current.member : undefined;
      return member && { groupId, generationId: member.generation, memberId: member.memberId };
    },
    rejoin(error) {
      crash(error);
    },
    pause(partition) {
      current?.fetching.pause(partition);
    },
    resume(partition) {
      current?.fetching.resume(partition);
    },
    seek(partition, offset) {
      if (current?.owned.has(keyOf(partition))) current.fetching.seek(partition, offset);
    },
    async close() {
      closing.abort();
      // A coordinator that is away is not waited for.
      await within(running, CLOSE_LIMIT);
    },
  };
};
