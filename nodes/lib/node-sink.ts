/** A sink that gathers records of many messages: each message is done once all of its records are durable. */
import { batchOf, recordAt } from "./batch";
import { TOKEN, type FailedElement, type Message } from "./delivery/contract";
import { asError, BatchFailure, notStored, Retriable } from "./errors";
import type { Fields } from "./fields";
import type { Behaviour } from "./node";
import type { NodeContext } from "./node-context";
import { unreadOf, type UnreadBatch } from "./unread";

/** Time for what is under way when the node closes, in ms. */
const DRAIN = 10_000;

/** How long a message waits for room before its source keeps it instead, in ms. */
const PATIENCE = 10_000;

/** Records in the writer's form, of which one `T` may be several that follow each other; and those that it can't have. */
export interface TakenBatch<T> {
  readonly records: T[];
  readonly failed: FailedElement[];
}

/** What gathers records of the form `T` and makes them durable. */
export interface SinkWriter<T, R> {
  /** Bytes that wait in memory or are being written. */
  readonly held: number;
  /** Resolves with true once there is room in memory, with false when nothing has left it for `limit` ms. */
  room(limit: number): Promise<boolean>;
  /** Resolves when all are durable; rejects with the cause, or for a batch with a `BatchFailure`. */
  write(records: readonly T[], batch: boolean, token: string | undefined): Promise<R>;
  /** Writes what waits now: the source waits for it. */
  relieve(): void;
  close(limit: number): Promise<void>;
}

export interface SinkEvents {
  /** So many records more are durable. */
  stored(records: number): void;
  /** The server can't be written, or can again (undefined). */
  away(error: Error | undefined): void;
}

export interface SinkOptions<T, R> {
  open(events: SinkEvents): SinkWriter<T, R>;
  /** A record in the writer's form. @throws what is wrong with it */
  take(record: Message, carrier: Message, index: number): T;
  /** What takes the records of a batch as they came, when no more of them need be known than that: see `unreadOf`. */
  readonly takeUnread?: ((batch: UnreadBatch, carrier: Message) => TakenBatch<T> | undefined) | undefined;
  /** Says on a message that is done what became of it; `result` is undefined where some of its records failed. */
  mark?(done: Message, result: R | undefined): void;
  /** A message's records are under way. */
  begun?(stored: number): void;
  /** So many records of a message failed. */
  failed?(records: number): void;
  /** Records are kept together for long, as a file fills, and wait for later ones: see `Hold`. */
  readonly gathers?: true;
  /** Completes "Memory is full: ". */
  readonly slow: string;
  /** What follows the reason why the server can't be written, and what is said once it can again. */
  readonly patient: string;
  readonly again: string;
}

/** All of a message. */
interface Taken<T> extends TakenBatch<T> {
  readonly isBatch: boolean;
  /** Of the message's records. */
  readonly count: number;
}

function taken<T>(count: number, take: (index: number) => T): Omit<Taken<T>, "isBatch"> {
  const records: T[] = [];
  const failed: FailedElement[] = [];
  for (let index = 0; index < count; index++) {
    try {
      records.push(take(index));
    } catch (error) {
      failed.push({ index, error: asError(error) });
    }
  }
  return { count, records, failed };
}

/** The behaviour of such a sink. Its declaration has the statuses `ready`, `stored` and `away`. */
export function gatheringSink<F extends Fields, T, R>(node: NodeContext<F>, options: SinkOptions<T, R>): Behaviour {
  let trouble: string | undefined;
  let stored = 0;
  const show = (): void => {
    if (trouble !== undefined) node.status("away", "red");
    else if (stored > 0) node.status("stored", "green", stored);
    else node.status("ready", "grey");
  };
  const writer = options.open({
    stored(records) {
      stored += records;
      show();
    },
    away(error) {
      if (error?.message === trouble) return;
      trouble = error?.message;
      if (error) node.warn(`${error.message}. ${options.patient}`);
      else node.log(options.again);
      show();
    },
  });
  show();

  /** Everything that can be stored; what can't fails alone. */
  const takeAll = (message: Message): Taken<T> => {
    const unread = options.takeUnread && unreadOf(message);
    const asTheyCame = unread && options.takeUnread?.(unread, message);
    if (asTheyCame) return { isBatch: true, count: unread.records.length, ...asTheyCame };
    const batch = batchOf(message);
    if (!batch) return { isBatch: false, ...taken(1, () => options.take(message, message, 0)) };
    return {
      isBatch: true,
      ...taken(batch.length, (index) => options.take(recordAt(index, batch[index]), message, index)),
    };
  };

  /** Hands them to the writer, which alone has them from now on: `receive` would keep them as long as it waits. */
  const store = (
    message: Message,
    { records: all, isBatch, count, failed }: Taken<T>,
  ): { storing: Promise<R>; end: () => void } => {
    const records = all.splice(0);
    const token = message[TOKEN];
    const before = writer.held;
    const storing = writer.write(records, isBatch, typeof token === "string" ? token : undefined);
    if (trouble === undefined) options.begun?.(stored);
    const end = node.hold(message, {
      records: count - failed.length,
      bytes: Math.max(0, writer.held - before),
      relieve: () => writer.relieve(),
      ...(options.gathers && { gathers: options.gathers }),
    });
    return { storing, end };
  };

  return {
    forgets: true,
    async receive(message) {
      const all = takeAll(message);
      const { isBatch, count, failed } = all;
      if (!isBatch && failed[0]) throw failed[0].error;
      if (!(await writer.room(PATIENCE)))
        throw new Retriable(`Memory is full: ${trouble ?? options.slow}`, { unreachable: true });
      const { storing, end } = store(message, all);
      let result: R | undefined;
      try {
        result = await storing;
      } catch (error) {
        if (!(error instanceof BatchFailure)) throw error;
        failed.push(...error.elements);
      } finally {
        end();
      }
      const bad = new Set(failed.map(({ index }) => index));
      if (bad.size < count) {
        const done =
          bad.size === 0 ? message : { ...message, payload: batchOf(message)?.filter((_, index) => !bad.has(index)) };
        options.mark?.(done, result);
        node.send(done, bad.size === 0 ? {} : { from: [message] });
      }
      if (bad.size === 0) return;
      options.failed?.(bad.size);
      throw notStored(failed, count);
    },
    close: () => writer.close(DRAIN),
  };
}
