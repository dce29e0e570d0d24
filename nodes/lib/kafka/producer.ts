/**
 * The producer, of every driver. Clients' own cannot be trusted with concurrent sends: kafkajs's gives a sequence number
 * back after a failed request and lets another batch take it, and chooses partitions anew for a retry
 * (docs/decisions/kafka-client.md). Here a batch keeps its partition, sequence and bytes until the broker has answered for it, with one request a broker in flight.
 */
import { ConfigError, Rejected, Retriable } from "../errors";
import { codecByName } from "./codecs";
import { explain } from "./errors";
import { makeTopics, type Topics } from "./producer-topics";
import type { PartitionBatch, PartitionResult, ProducerWire } from "./producer-wire";
import { append, groupOf, halve, readyAt, settle, type Batch, type Entry, type Lane } from "./produce-queue";
import type { Outcome, OutgoingRecord, Producer, ProducerOptions } from "./port";
import { encodeBatch, stampBatch } from "./record-batch";

/** One request's batches together, in bytes; a broker takes 100 MB by default (socket.request.max.bytes). */
const REQUEST_BYTES = 8 * 1024 * 1024;
const ACKS = { all: -1, leader: 1, none: 0 } as const;
const DUPLICATE_SEQUENCE = 46;
const UNKNOWN_SERVER_ERROR = -1;
/** MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE: split. */
const TOO_LARGE = new Set([10, 18]);
/** INVALID_TIMESTAMP, INVALID_RECORD: one record spoils its batch; split to find it. */
const SPOILED = new Set([32, 87]);
/** OUT_OF_ORDER_SEQUENCE, INVALID_PRODUCER_EPOCH, UNKNOWN_PRODUCER_ID, PRODUCER_FENCED: go on as a new producer. */
const NEW_PRODUCER = new Set([45, 47, 59, 90]);

const backOff = (failures: number): number => Math.random() * Math.min(5000, 50 * 2 ** Math.min(failures, 10)) + 20;

export const makeProducer = (wire: ProducerWire, options: ProducerOptions): Producer => {
  const codec = codecByName(options.compression);
  const idempotent = options.acks === "all";
  const busy = new Set<number>();
  const room: (() => void)[] = [];
  let due = Infinity;
  let buffered = 0;
  let timer: NodeJS.Timeout | undefined;
  let identity: { producerId: bigint; producerEpoch: number } | undefined;
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

  const topics: Topics = makeTopics(wire, options, {
    placed(lane, entries) {
      const now = Date.now();
      for (const entry of entries) append(lane, entry, options.batchBytes, now);
      schedule(lane.batches[0]?.sealed ? 0 : options.linger);
    },
    failed(entries, error) {
      finish(entries, () => error);
    },
  });

  /** TOPIC_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED, UNSUPPORTED_VERSION, UNSUPPORTED_COMPRESSION_TYPE … */
  const isPermanent = (code: number): boolean => wire.protocolError(code).retriable !== true;
  const isClosed = (): boolean => closed !== undefined;

  const identify = (): Promise<void> =>
    (identifying ??= (async () => {
      for (let failures = 0; !identity && !isClosed(); failures++)
        try {
          await wire.connect();
          if (!idempotent) {
            identity = { producerId: -1n, producerEpoch: -1 };
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

  const drop = (lane: Lane, outcome: (index: number) => Outcome): void => {
    const batch = lane.batches.shift();
    if (batch) finish(batch.entries, outcome);
  };

  const later = (lane: Lane): void => {
    lane.notBefore = Date.now() + backOff(lane.failures++);
  };

  /** What the broker said about the lane's first batch. */
  const answered = (lane: Lane, batch: Batch, code: number, baseOffset: number): void => {
    if (code === 0 || code === DUPLICATE_SEQUENCE) {
      lane.failures = 0;
      lane.sequence = (lane.sequence + batch.entries.length) % 0x80000000;
      options.state(undefined);
      const known = code === 0 && baseOffset >= 0;
      drop(lane, (index) => ({ partition: lane.partition, offset: known ? baseOffset + index : undefined }));
    } else if ((TOO_LARGE.has(code) || SPOILED.has(code)) && batch.entries.length > 1) {
      halve(lane);
    } else if (TOO_LARGE.has(code)) {
      drop(
        lane,
        () =>
          new Rejected(
            `Topic "${lane.topic}" takes no record of ${batch.bytes} bytes; raise its max.message.bytes or make the record smaller`,
          ),
      );
    } else if (SPOILED.has(code)) {
      const { type, message } = wire.protocolError(code);
      drop(lane, () => new Rejected(`Topic "${lane.topic}" refuses the record (${type}: ${message})`));
    } else if (NEW_PRODUCER.has(code)) {
      identity = undefined;
      delete batch.encoded;
      lane.sequenceOf = -2n;
      later(lane);
    } else if (code !== UNKNOWN_SERVER_ERROR && isPermanent(code)) {
      const error = explain(wire.protocolError(code), wire.context);
      drop(lane, () => new ConfigError(`Topic "${lane.topic}": ${error.message}`));
    } else {
      later(lane);
      topics.refresh(lane.topic, wire.protocolError(code));
    }
  };

  const encode = async (lane: Lane, batch: Batch, now: number): Promise<Buffer> => {
    if (batch.encoded) return batch.encoded;
    batch.sealed = true;
    const bytes = await encodeBatch(
      batch.entries.map(({ record }) => record),
      now,
      codec,
    );
    if (identity && lane.sequenceOf !== identity.producerId) {
      lane.sequenceOf = identity.producerId;
      lane.sequence = idempotent ? 0 : -1;
    }
    const { producerId, producerEpoch } = identity ?? { producerId: -1n, producerEpoch: -1 };
    const { transactional = false } = wire;
    stampBatch(bytes, { producerId, producerEpoch, sequence: idempotent ? lane.sequence : -1, transactional });
    batch.encoded = bytes;
    return bytes;
  };

  const send = async (leader: number, lanes: readonly Lane[]): Promise<void> => {
    const sent: { lane: Lane; batch: Batch }[] = [];
    let failure: unknown;
    let results: readonly PartitionResult[] = [];
    try {
      const request: PartitionBatch[] = [];
      for (const lane of lanes) {
        const batch = lane.batches[0];
        if (!batch) continue;
        request.push({ topic: lane.topic, partition: lane.partition, bytes: await encode(lane, batch, Date.now()) });
        batch.tries++;
        sent.push({ lane, batch });
      }
      results = await wire.produce(leader, request, ACKS[options.acks], 30_000);
    } catch (error) {
      failure = error;
    }
    for (const lane of lanes) lane.inFlight = false;
    if (failure === undefined) {
      const found = new Map(results.map((result) => [`${result.topic}/${result.partition}`, result]));
      for (const { lane, batch } of sent) {
        const result = found.get(`${lane.topic}/${lane.partition}`);
        if (options.acks === "none") answered(lane, batch, 0, -1);
        else if (result) answered(lane, batch, result.errorCode, result.baseOffset);
        else later(lane);
      }
    } else {
      options.state(explain(failure, wire.context));
      for (const lane of lanes) later(lane);
      wire.failed(failure);
      for (const topic of new Set(lanes.map((lane) => lane.topic))) topics.refresh(topic, failure);
    }
    busy.delete(leader);
    schedule();
  };

  const dispatch = (): void => {
    if (closed) return;
    const now = Date.now();
    let next = Infinity;
    const ready = new Map<number, { lanes: Lane[]; bytes: number }>();
    for (const lane of topics.lanes()) {
      const at = readyAt(lane, options.linger);
      if (at > now || busy.has(lane.leader)) {
        if (!busy.has(lane.leader)) next = Math.min(next, at);
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
    for (const [leader, { lanes }] of ready) {
      busy.add(leader);
      for (const lane of lanes) lane.inFlight = true;
      void send(leader, lanes);
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
