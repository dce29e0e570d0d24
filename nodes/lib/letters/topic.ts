/**
 * Dead letters in a Kafka topic. A topic can't give up single records: what is done is kept as a consumer group's
 * committed offset (so that every Kafka tool shows how many letters are left) and, beyond it, in a file.
 */
import { randomUUID } from "node:crypto";
import type { DeadLetter, NodeRef } from "../delivery/contract";
import { LowWaterMark, type Positions } from "../delivery/low-water-mark";
import { Retriable } from "../errors";
import { deadLetterRecords, letterOfRecord } from "../kafka/dead-letter-record";
import type { FetchedBatch, FetchedRecord, Kafka, Producer } from "../kafka/port";
import { openDoneOffsets, type DoneOffsets, type Run } from "./done-offsets";
import { summaryOf, type LetterStore, type LetterSummary } from "./store";

export interface LetterTopicOptions {
  readonly topic: string;
  readonly group: string;
  /** File for what is done beyond the committed offset. */
  readonly doneFile: string;
  /** Written as the source of letters that come back. */
  readonly from: NodeRef;
  /** Letters kept in mind at a time. */
  readonly most?: number;
  state(trouble: Error | undefined): void;
  warn(text: string): void;
  /** Letters have come. */
  changed(): void;
}

const MOST = 20_000;
const MOST_BYTES = 128 * 1024 * 1024;
const COMMIT_INTERVAL = 500;
/** How often it is looked whether the topic was made anew, in ms. */
const ANEW_INTERVAL = 5000;

interface Entry {
  readonly summary: LetterSummary;
  readonly record: FetchedRecord;
  readonly part: Part;
  readonly position: Positions;
}

interface Part {
  readonly partition: number;
  epoch: number;
  readonly mark: LowWaterMark;
  committed: number | undefined;
  next: number | undefined;
}

const runOf = ({ part: { partition }, position: { first, next } }: Entry): Run => ({ partition, first, next });

export function letterTopic(kafka: Kafka, options: LetterTopicOptions): LetterStore {
  const { topic, most = MOST } = options;
  const entries = new Map<string, Entry>();
  let parts = new Map<number, Part>();
  let bytes = 0;
  let full = false;
  let closed = false;
  /** The topic's id, and those of topics that had its name before: a broker may still speak of one. */
  let current: string | undefined;
  const former = new Set<string>();
  /** What is in mind is of a topic that is gone. */
  let stale = false;
  let looked = 0;
  let waiting: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let producer: Producer | undefined;
  const opened: Promise<DoneOffsets> = openDoneOffsets(options.doneFile);
  opened.catch((error: Error) => options.state(error));

  const commit = async (): Promise<void> => {
    timer = undefined;
    const done = await opened;
    if (stale) return;
    const due = [...parts.values()].flatMap((part) => {
      const { mark } = part.mark;
      return mark === undefined || mark === part.committed ? [] : [{ part, mark }];
    });
    if (due.length === 0) return;
    const positions = due.map(({ part, mark }) => ({
      topic,
      partition: part.partition,
      epoch: part.epoch,
      offset: mark,
    }));
    const committed = await consumer.commit(positions);
    for (const [n, { part, mark }] of due.entries()) {
      const position = positions[n];
      if (position === undefined || !committed.includes(position)) continue;
      part.committed = mark;
      done.below(part.partition, mark);
    }
  };
  const commitSoon = (): void => {
    timer ??= setTimeout(() => void commit().catch(() => !closed && commitSoon()), COMMIT_INTERVAL);
  };

  const finish = (part: Part, position: Positions): void => {
    if (part.mark.finished(position)) commitSoon();
  };

  const hasRoom = (): boolean => entries.size < most && bytes < MOST_BYTES;

  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  };

  const remove = (id: string): void => {
    const entry = entries.get(id);
    if (entry === undefined) return;
    entries.delete(id);
    bytes -= entry.record.size;
    finish(entry.part, entry.position);
    if (hasRoom()) wake();
  };

  const take = (part: Part, record: FetchedRecord, done: DoneOffsets): void => {
    const { offset, size } = record;
    if (part.next !== undefined && offset < part.next) return;
    // Offsets of no record (a transaction's marker, what was compacted) belong to the record behind them.
    const position = part.mark.delivered(part.next ?? offset, offset + 1, 1, size);
    part.next = offset + 1;
    if (done.has(part.partition, offset)) return finish(part, position);
    // The fetch's memory is not kept for one record of it.
    const copy = {
      ...record,
      key: record.key && Buffer.from(record.key),
      value: record.value && Buffer.from(record.value),
    };
    const letter = letterOfRecord(topic, part.partition, copy);
    const known = entries.get(letter.id);
    if (known !== undefined && known.record.timestamp > record.timestamp) return finish(part, position);
    if (known !== undefined) remove(letter.id);
    bytes += size;
    entries.set(letter.id, { summary: summaryOf(letter, size), record: copy, part, position });
  };

  const records = async (batch: FetchedBatch): Promise<void> => {
    const part = parts.get(batch.partition);
    const done = await opened;
    if (part === undefined || part.epoch !== batch.epoch) return;
    for (;;) {
      const some = batch.read(100);
      if (some.length === 0) break;
      for (const record of some) take(part, record, done);
      options.changed();
      while (!hasRoom()) {
        full = true;
        await new Promise<void>((resolve) => waiting.push(resolve));
        if (closed || parts.get(batch.partition) !== part) return;
      }
      full = false;
    }
    if (part.next === undefined || part.next < batch.nextOffset) {
      const from = part.next ?? batch.nextOffset - 1;
      part.next = batch.nextOffset;
      finish(part, part.mark.delivered(from, batch.nextOffset, 0, 0));
    }
  };

  /**
   * Before the group's offsets are read: where another topic has the name now, those of the one before are dropped, and
   * with them which letters are done. Otherwise new letters would be taken for old ones at the same offsets.
   */
  const meet = async (epoch: number): Promise<void> => {
    const now = await kafka.topicId(topic);
    if (now === undefined || former.has(now)) return;
    const done = await opened;
    if (current !== undefined && current !== now) former.add(current);
    if (done.topic !== undefined && done.topic !== now) {
      const first = await kafka.offsets(topic);
      const positions = first
        .filter(({ partition }) => parts.has(partition))
        .map(({ partition, low }) => ({ topic, partition, epoch, offset: low }));
      // The group has moved on, and begins once more.
      if ((await consumer.commit(positions)).length < positions.length) return;
      options.warn(`topic "${topic}" was deleted and made anew: all letters in it are shown`);
    }
    await done.of(now);
    [current, stale] = [now, false];
  };

  /** Of a topic that is made anew at once a consumer need not notice anything. */
  const look = async (): Promise<void> => {
    if (current === undefined || stale || Date.now() - looked < ANEW_INTERVAL) return;
    looked = Date.now();
    // A Kafka that is away is the consumer's to tell.
    const now = await kafka.topicId(topic).catch(() => undefined);
    if (now === undefined || now === current || former.has(now) || closed) return;
    stale = true;
    consumer.rejoin(new Retriable(`Topic "${topic}" was made anew: it is read from its beginning`));
  };

  const consumer = kafka.consumer(
    { groupId: options.group, topics: [topic], start: "earliest", sessionTimeout: 10_000 },
    {
      records,
      assigned(owned, epoch) {
        // What was in mind is read again from what is committed, without what is done.
        parts = new Map(
          owned.map(({ partition }) => [
            partition,
            {
              partition,
              epoch,
              mark: new LowWaterMark({ records: Infinity, bytes: Infinity }),
              committed: undefined,
              next: undefined,
            },
          ]),
        );
        entries.clear();
        bytes = 0;
        full = false;
        wake();
        options.changed();
        return [];
      },
      beforeOffsets: meet,
      revoking: () => commit().catch(() => undefined),
      state: options.state,
      warn: options.warn,
    },
  );

  const done = async (ids: readonly string[]): Promise<void> => {
    const known = ids.flatMap((id) => entries.get(id) ?? []);
    if (known.length === 0) return;
    await (await opened).add(known.map(runOf));
    for (const entry of known) if (entries.get(entry.summary.id) === entry) remove(entry.summary.id);
  };

  return {
    place: topic,
    async refresh() {
      void look();
    },
    *letters() {
      for (const { summary } of entries.values()) yield summary;
    },
    get size() {
      return entries.size;
    },
    get more() {
      return full;
    },
    read(id) {
      const entry = entries.get(id);
      return Promise.resolve(entry && (() => letterOfRecord(topic, entry.part.partition, entry.record)));
    },
    done,
    async write(letters: readonly DeadLetter[]) {
      producer ??= kafka.producer({
        acks: "all",
        compression: "none",
        linger: 5,
        batchBytes: 256 * 1024,
        bufferBytes: 16 * 1024 * 1024,
        state: options.state,
      });
      const named = letters.map((letter) => ({ ...letter, id: letter.id ?? randomUUID() }));
      const before = named.flatMap(({ id }) => entries.get(id) ?? []);
      const outcomes = await producer.send(
        named.flatMap((letter) => deadLetterRecords(topic, letter, letter.id, options.from)),
      );
      const failed = outcomes.find((outcome) => outcome instanceof Error);
      if (failed) throw new Retriable(`dead letters can't be written to topic "${topic}": ${failed.message}`);
      // The new ones take the place of these, which may be read by now.
      await (await opened).add(before.map(runOf));
      for (const { summary, record } of before) if (entries.get(summary.id)?.record === record) remove(summary.id);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      wake();
      await commit().catch(() => undefined);
      await consumer.close();
      await producer?.close(1000);
    },
  };
}
