/**
 * The producer, of every driver. Clients' own cannot be trusted with concurrent sends: kafkajs's gives a sequence number
 * back after a failed request and lets another batch take it, and chooses partitions anew for a retry
 * (docs/decisions/kafka-client.md). Here a batch keeps its partition, sequence and bytes until the broker has answered for it, with one request a broker in flight.
 */
import { ConfigError, Rejected, Retriable } from "../errors";
import { codecByName } from "./codecs";
import { explain } from "./errors";
import { makeTopics, type Topics } from "./producer-topics";
import { BATCH_LIMIT, tooLarge, unwritable } from "./produce-refusals";
import { reasonOf, verdictOf, wasUnwritten } from "./produce-verdict";
import type { ProducerWire } from "./producer-wire";
import { append, groupOf, halve, readyAt, settle, type Batch, type Entry, type Lane } from "./produce-queue";
import type { Outcome, OutgoingRecord, Producer, ProducerOptions } from "./port";
import { encodeBatch, stampBatch } from "./record-batch";

/** One request's batches together, in bytes; a broker takes 100 MB by default (socket.request.max.bytes). */
const REQUEST_BYTES = 8 * 1024 * 1024;
const ACKS = { all: -1, leader: 1, none: 0 } as const;

type Identity = Awaited<ReturnType<ProducerWire["identity"]>>;
const NOBODY: Identity = { producerId: -1n, producerEpoch: -1 };

interface Sent {
  readonly lane: Lane;
  readonly batch: Batch;
  readonly bytes: Buffer;
}

const backOff = (failures: number): number => Math.random() * Math.min(5000, 50 * 2 ** Math.min(failures, 10)) + 20;

export const makeProducer = (wire: ProducerWire, options: ProducerOptions): Producer => {
  const codec = codecByName(options.compression);
  const idempotent = options.acks === "all";
  const busy = new Map<number, boolean>(); // by leader; a Set that changes with every request leaves garbage behind
  const room: (() => void)[] = [];
  let due = Infinity;
  let buffered = 0;
  let timer: NodeJS.Timeout | undefined;
  let identity: Identity | undefined;
  let identifying: Promise<void> | undefined;
  let closed: Error | undefined;
  let onEmpty: (() => void) | undefined;

  const finish = (entries: readonly Entry[], outcome: (index: number) => Outcome): void => {
    for (const [index, entry] of entries.entries()) {
      buffered -= entry.size;
      settle(entry, outcome(index));
    }
    while (room.length > 0 && buffered < options.bufferBytes) room.shift()?.();
    if (buffered === 0) onEmpty?.();
  };

  /** Goes on as a new producer, with sequences that nobody has used: batches that were sent keep what they have. */
  const renew = (): void => {
    if (idempotent) identity = undefined;
  };

  const topics: Topics = makeTopics(wire, options, {
    placed(lane, entries) {
      const now = Date.now();
      for (const entry of entries) append(lane, entry, options.batchBytes, now);
      schedule(lane.batches[0]?.sealed ? 0 : options.linger);
    },
    failed(entries, error) {
      finish(entries, () => error);
    },
    learned: () => schedule(),
    forgotten: renew,
  });

  const isClosed = (): boolean => closed !== undefined;

  const identify = (): Promise<void> =>
    (identifying ??= (async () => {
      for (let failures = 0; !identity && !isClosed(); failures++)
        try {
          await wire.connect();
          if (!idempotent) {
            identity = NOBODY;
            return;
          }
          identity = await wire.identity();
        } catch (error) {
          options.state(explain(error, wire.context));
          await new Promise((resolve) => setTimeout(resolve, backOff(failures)));
        }
    })().finally(() => {
      identifying = undefined;
      schedule();
    }));

  /** Gives up the lane's first batch. */
  const drop = (lane: Lane, outcome: (index: number) => Outcome): void => {
    const batch = lane.batches.shift();
    if (!batch) return;
    // Its sequence may be taken: the next batch under it would be acknowledged as this one, and not stored.
    if (batch.doubtful) renew();
    finish(batch.entries, outcome);
  };

  const later = (lane: Lane, batch?: Batch): void => {
    if (batch) batch.doubtful = true;
    lane.notBefore = Date.now() + backOff(lane.failures++);
  };

  /** The lane's first batch can't be stored as it is: one record alone is rejected, several are split. */
  const divide = (lane: Lane, batch: Batch, why: () => Error): void => {
    if (batch.entries.length === 1) return drop(lane, why);
    if (batch.doubtful) renew();
    halve(lane);
  };

  const stored = (lane: Lane, batch: Batch, baseOffset: number): void => {
    lane.failures = 0;
    lane.sequence = (lane.sequence + batch.entries.length) % 0x80000000;
    batch.doubtful = false;
    options.state(undefined);
    topics.taken(lane.topic);
    drop(lane, (index) => ({ partition: lane.partition, offset: baseOffset < 0 ? undefined : baseOffset + index }));
  };

  /** What the broker said about the lane's first batch. */
  const answered = (lane: Lane, batch: Batch, code: number, baseOffset: number): void => {
    batch.refusals = code === batch.refusal ? batch.refusals + 1 : 1;
    batch.refusal = code;
    const { topic } = lane;
    const said = wire.protocolError;
    switch (verdictOf(code, said, batch.refusals)) {
      case "stored":
        return stored(lane, batch, baseOffset);
      case "stored before":
        return stored(lane, batch, -1);
      case "too large":
        // The same bytes were as large before, whatever became of those tries: none of them stored it.
        batch.doubtful = false;
        return divide(lane, batch, () => tooLarge(topic, batch.bytes));
      case "spoiled":
        return divide(lane, batch, () => new Rejected(`Topic "${topic}" refuses the record (${reasonOf(code, said)})`));
      case "new producer":
        identity = undefined;
        batch.doubtful = false;
        batch.encoded = undefined;
        lane.sequenceOf = -2n;
        return later(lane);
      case "refused": {
        const error = explain(said(code), wire.context);
        return drop(lane, () => new ConfigError(`Topic "${topic}": ${error.message}`));
      }
      case "not yet":
      case "again":
        later(lane, wasUnwritten(code) ? undefined : batch);
        topics.refused(topic, said(code));
        topics.refresh(topic, said(code));
    }
  };

  const encode = async (lane: Lane, batch: Batch, own: Identity): Promise<Buffer> => {
    if (batch.encoded) return batch.encoded;
    batch.sealed = true;
    const records = batch.entries.map(({ record }) => record);
    const bytes = await encodeBatch(records, Date.now(), codec);
    if (bytes.length > BATCH_LIMIT) throw tooLarge(lane.topic, bytes.length);
    if (lane.sequenceOf !== own.producerId) {
      lane.sequenceOf = own.producerId;
      lane.sequence = 0;
    }
    const { transactional = false } = wire;
    stampBatch(bytes, { sequence: idempotent ? lane.sequence : -1, transactional, ...own });
    batch.encoded = bytes;
    return bytes;
  };

  /** The first batches of these lanes as they are sent; what can't be encoded is split, down to the record that is the reason. */
  const prepare = async (lanes: readonly Lane[], own: Identity): Promise<Sent[]> => {
    const sent: Sent[] = [];
    for (const lane of lanes) {
      const [batch] = lane.batches;
      if (!batch) continue;
      try {
        const bytes = await encode(lane, batch, own);
        if (lane.batches[0] === batch) sent.push({ lane, batch, bytes });
      } catch (error) {
        if (lane.batches[0] === batch) divide(lane, batch, () => unwritable(error));
      }
    }
    return sent;
  };

  const send = async (leader: number, lanes: readonly Lane[], own: Identity): Promise<void> => {
    const sent = await prepare(lanes, own);
    const settled = (): void => {
      for (const lane of lanes) lane.inFlight = false;
    };
    try {
      const request = sent.map(({ lane: { topic, partition }, bytes }) => ({ topic, partition, bytes }));
      const results = request.length > 0 ? await wire.produce(leader, request, ACKS[options.acks], 30_000) : [];
      settled();
      const found = new Map(results.map((result) => [`${result.topic}/${result.partition}`, result]));
      for (const { lane, batch } of sent) {
        const result = found.get(`${lane.topic}/${lane.partition}`);
        if (options.acks === "none") answered(lane, batch, 0, -1);
        else if (result) answered(lane, batch, result.errorCode, result.baseOffset);
        else later(lane, batch);
      }
    } catch (error) {
      settled();
      options.state(explain(error, wire.context));
      for (const { lane, batch } of sent) later(lane, batch);
      wire.failed(error);
      for (const topic of new Set(sent.map(({ lane }) => lane.topic))) topics.refresh(topic, error);
    }
    busy.set(leader, false);
    schedule();
  };

  const dispatch = (): void => {
    if (closed) return;
    const now = Date.now();
    let next = Infinity;
    const ready = new Map<number, { lanes: Lane[]; bytes: number }>();
    for (const lane of topics.lanes()) {
      if (lane.leader < 0) continue;
      const at = readyAt(lane, options.linger);
      if (at > now || busy.get(lane.leader)) {
        if (!busy.get(lane.leader)) next = Math.min(next, at);
        continue;
      }
      if (!identity) {
        void identify();
        return;
      }
      const request = ready.get(lane.leader) ?? { lanes: [], bytes: 0 };
      const size = lane.batches[0]?.bytes ?? 0;
      if (request.lanes.length > 0 && request.bytes + size > REQUEST_BYTES) continue;
      request.lanes.push(lane);
      request.bytes += size;
      ready.set(lane.leader, request);
    }
    if (identity)
      for (const [leader, { lanes }] of ready) {
        busy.set(leader, true);
        for (const lane of lanes) lane.inFlight = true;
        void send(leader, lanes, identity);
      }
    if (next < Infinity) schedule(next - now);
  };

  const schedule = (delay = 0): void => {
    const at = Date.now() + delay;
    if (closed || at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(() => {
      due = Infinity;
      dispatch();
    }, delay);
  };

  const take = (records: readonly OutgoingRecord[]): Promise<readonly Outcome[]> =>
    new Promise((resolve) => {
      const entries = groupOf(records, resolve);
      for (const { size } of entries) buffered += size;
      topics.place(entries);
    });

  return {
    get buffered() {
      return buffered;
    },
    async send(records) {
      if (records.length === 0) return [];
      if (!closed && room.length === 0 && buffered < options.bufferBytes) return take(records);
      return new Promise((resolve) => {
        room.push(() => resolve(closed ? records.map(() => closed as Error) : take(records)));
        if (closed) room.pop()?.();
      });
    },
    withdraw(topic) {
      // What waited for room may take its place.
      while (topics.withdraw(topic) > 0);
    },
    async close(drain) {
      if (buffered > 0 && drain > 0) {
        let limit: NodeJS.Timeout | undefined;
        await Promise.race([
          new Promise<void>((resolve) => (onEmpty = resolve)),
          new Promise<void>((resolve) => (limit = setTimeout(resolve, drain))),
        ]);
        clearTimeout(limit);
      }
      const error = new Retriable("The node was closed before Kafka acknowledged the record");
      closed = error;
      clearTimeout(timer);
      for (const entries of topics.clear()) finish(entries, () => error);
      for (const waiting of room.splice(0)) waiting();
      await wire.close();
    },
  };
};
