/**
 * Transactional producers that share connections: the ordinary producer's queue and order, with partitions added to the
 * transaction before they are written, and the coordinator's requests asked until there is an answer.
 */
import { Retriable } from "../errors";
import { explain } from "./errors";
import type { Producer } from "./port";
import { Fenced, type TransactionalProducer, type TransactionOptions } from "./transaction-port";
import { makeProducer } from "./producer";
import type { PartitionBatch, ProducerWire, TransactionWire } from "./producer-wire";
import * as requests from "./transaction-requests";
import type { Holder, Identity, Request } from "./transaction-requests";

/** Bytes of one transaction that may wait for the broker. */
const BUFFER = 64 * 1024 * 1024;
const INVALID_PRODUCER_EPOCH = 47;
/** Also of an end where nothing was begun. */
const INVALID_TXN_STATE = 48;
const CONCURRENT_TRANSACTIONS = 51;
/**
 * UNKNOWN_TOPIC_OR_PARTITION of a topic just made, REQUEST_TIMED_OUT, COORDINATOR_LOAD_IN_PROGRESS,
 * COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS, UNSTABLE_OFFSET_COMMIT: soon.
 */
const SOON = new Set([3, 7, 14, 15, 16, CONCURRENT_TRANSACTIONS, 88]);
/**
 * OUT_OF_ORDER_SEQUENCE, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING, UNKNOWN_PRODUCER_ID,
 * PRODUCER_FENCED; of the group ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID: not ours any more.
 */
const LOST = new Set([45, 47, 48, 49, 59, 90, 22, 25, 27, 82]);

const ABORTED = new Retriable("its transaction was aborted: the record comes again", { unreachable: true });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const makeTransactional = (
  wire: TransactionWire,
  { transactionalId, timeout, state }: TransactionOptions,
): TransactionalProducer => {
  let identity: Identity | undefined;
  let producer: Producer | undefined;
  /** Partitions of the open transaction. */
  let added = new Set<string>();
  let adding: Promise<void> = Promise.resolve();
  let lost: Error | undefined;
  let closed = false;

  const fenced = (code: number): Fenced =>
    new Fenced(
      `transaction ${transactionalId}: another process has taken it over, or it was open for longer than ${timeout / 1000} s (${wire.protocolError(code).type ?? code})`,
    );
  const lose = (error: Error): void => {
    lost ??= error;
    void producer?.close(0);
  };

  /** The answer of the coordinator of transactions, or of the group: asked until there is one that is worth something. */
  const answer = async <T extends { readonly errorCode: number }>(
    request: Request<T>,
    groupId?: string,
    own = identity,
  ): Promise<T> => {
    for (let failures = 0; ; failures++) {
      if (closed) throw new Retriable("the node was closed", { unreachable: true });
      if (identity !== own) throw ABORTED;
      try {
        await wire.connect();
        const found = await wire.ask(request, groupId);
        if (!SOON.has(found.errorCode)) {
          if (found.errorCode === 0) state(undefined);
          return found;
        }
        if (found.errorCode === CONCURRENT_TRANSACTIONS) {
          await pause(Math.min(100, 5 + 5 * failures));
          continue;
        }
      } catch (error) {
        const shown = explain(error, wire.context);
        if (!(shown instanceof Retriable)) throw shown;
        state(shown);
        wire.failed(error);
      }
      wire.forgetCoordinator();
      await pause(Math.min(2000, 20 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2));
    }
  };

  /** A request of the present transaction. @throws Fenced, ConfigError, or ABORTED */
  const must = async (
    own: Identity,
    request: (holder: Holder) => Request<{ readonly errorCode: number }>,
    groupId?: string,
  ): Promise<void> => {
    if (lost) throw lost;
    const { errorCode } = await answer(request({ transactionalId, ...own }), groupId, own);
    if (identity !== own) throw ABORTED;
    if (errorCode === 0) return;
    const error = LOST.has(errorCode) ? fenced(errorCode) : explain(wire.protocolError(errorCode), wire.context);
    lose(error);
    throw error;
  };

  const present = (): Identity => {
    if (!identity) throw new Error(`transaction ${transactionalId} is not started`);
    return identity;
  };

  const add = (own: Identity, batches: readonly PartitionBatch[]): Promise<void> => {
    adding = adding
      .catch(() => undefined)
      .then(async () => {
        const missing = batches.filter(({ topic, partition }) => !added.has(`${topic}/${partition}`));
        if (missing.length === 0) return;
        await must(own, (holder) => requests.addPartitions(holder, missing));
        for (const { topic, partition } of missing) added.add(`${topic}/${partition}`);
      });
    return adding;
  };

  /** The wire of one identity: the producer on it must not go on under another. */
  const wireOf = (own: Identity): ProducerWire => {
    let given = false;
    return {
      ...wire,
      async identity() {
        if (!given) {
          given = true;
          return own;
        }
        if (identity === own) lose(fenced(INVALID_PRODUCER_EPOCH));
        throw lost ?? ABORTED;
      },
      async produce(leader, batches, acks, limit) {
        await add(own, batches);
        const results = await wire.produce(leader, batches, acks, limit);
        const refused = results.find(({ errorCode }) => LOST.has(errorCode));
        if (refused && identity === own) lose(fenced(refused.errorCode));
        return results;
      },
    };
  };

  const take = async (from: Identity | undefined): Promise<void> => {
    const found = await answer(requests.initProducerId(transactionalId, timeout, from));
    if (LOST.has(found.errorCode)) throw fenced(found.errorCode);
    if (found.errorCode !== 0) throw explain(wire.protocolError(found.errorCode), wire.context);
    identity = { producerId: found.producerId, producerEpoch: found.producerEpoch };
    added = new Set();
    lost = undefined;
  };

  return {
    async start() {
      await producer?.close(0);
      producer = undefined;
      await take(undefined);
    },
    async stable(groupId, partition) {
      const { errorCode } = await answer(requests.stableOffset(groupId, partition), groupId);
      if (errorCode !== 0) throw explain(wire.protocolError(errorCode), wire.context);
    },
    async send(records, { compression, linger, batchBytes }) {
      if (lost) return records.map(() => lost ?? ABORTED);
      const own = (producer ??= makeProducer(wireOf(present()), {
        acks: "all",
        compression,
        linger,
        batchBytes,
        bufferBytes: BUFFER,
        state,
      }));
      const outcomes = await own.send(records);
      return lost || own !== producer ? records.map(() => lost ?? ABORTED) : outcomes;
    },
    async commit(member, position) {
      const own = present();
      await must(own, (holder) => requests.addOffsets(holder, member.groupId));
      await must(own, (holder) => requests.commitOffset(holder, member, position), member.groupId);
      await must(own, (holder) => requests.endTransaction(holder, true));
      added = new Set();
    },
    async abort() {
      lost ??= ABORTED;
      await producer?.close(0);
      producer = undefined;
      const own = present();
      const holder = { transactionalId, ...own };
      // Asked first, because InitProducerId of a fenced producer aborts its successor's transaction before it is refused.
      const { errorCode } = await answer(requests.endTransaction(holder, false));
      if (LOST.has(errorCode) && errorCode !== INVALID_TXN_STATE) throw fenced(errorCode);
      await take(own);
    },
    async close() {
      closed = true;
      lost ??= new Retriable("the node was closed", { unreachable: true });
      await producer?.close(0);
      producer = undefined;
    },
  };
};
