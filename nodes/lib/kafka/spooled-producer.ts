/**
 * A producer with a spool on disk behind its memory. While Kafka takes records they go straight to it. As soon as it
 * does not (trouble, a full buffer, or no acknowledgement for a second), what waits in memory and everything that comes
 * is written to the spool, in order; from there it goes to Kafka when that is back. Durable in the spool is done. A topic
 * that Kafka does not take, though it takes others, is set aside on disk (set-aside.ts), and they go on as they were.
 */
import { asError, Retriable } from "../errors";
import { Spool, type SpoolOptions } from "../spool/spool";
import { heldTopics } from "./held-topics";
import { replaySpool, type Replay } from "./replay-spool";
import { encodeRecord } from "./spooled-record";
import { launchByTopic, type Flight, type SpooledOutcome, type Waiting } from "./topic-flights";
import { Withdrawn, type Outcome, type OutgoingRecord, type Producer, type ProducerOptions } from "./port";

export type { SpooledOutcome } from "./topic-flights";

export interface SpooledProducer {
  /** Resolves with one outcome a record, each durable in Kafka or on disk, or failed. Waits while there is no room. */
  send(records: readonly OutgoingRecord[]): Promise<readonly SpooledOutcome[]>;
  /** Records on disk that Kafka has not acknowledged, those set aside among them. */
  readonly spooled: number;
  close(drain: number): Promise<void>;
}

export interface SpoolingOptions extends Pick<SpoolOptions, "directory" | "maxBytes" | "again" | "lost" | "cut"> {
  /** Bytes not acknowledged above which records go to the spool. */
  readonly bufferBytes: number;
  /** ms without an acknowledgement after which what waits is spooled; 1000 by default. */
  readonly patience?: number;
  /** Kafka works (undefined) or why not; it goes on trying either way. */
  state(trouble: Error | undefined): void;
  /** The disk refuses, or works again. */
  diskTrouble(error: Error | undefined): void;
  /** A record that was done because it was durable in the spool, and that Kafka will never take. Resolves when it is kept elsewhere. */
  refused(record: OutgoingRecord, error: Error): Promise<void>;
  /** `spooled` has changed. */
  changed(): void;
}

/** Entries of the spool that are on their way to Kafka in a moment. */
const FEW = 1000;

/** What the producer behind a spool has to tell. */
export type ProducerEvents = Required<Pick<ProducerOptions, "state" | "held">>;

/**
 * @param make makes the producer, which tells its state to what is given
 * @throws ConfigError when the folder cannot be used
 */
export const spoolingProducer = async (
  make: (events: ProducerEvents) => Producer,
  options: SpoolingOptions,
): Promise<SpooledProducer> => {
  const { patience = 1000 } = options;
  const flights = new Set<Flight>();
  const landings = new Set<Promise<void>>();
  const waiting: Waiting[] = [];
  let trouble: Error | undefined;
  let told: Error | undefined;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  let replay: Replay | undefined;
  const spool = await Spool.open({
    directory: options.directory,
    maxBytes: options.maxBytes,
    ...(options.again === undefined ? {} : { again: options.again }),
    lost: options.lost,
    cut: options.cut,
    trouble: options.diskTrouble,
    beside: () => replay?.asides.bytes ?? 0,
    changed() {
      admit();
      replay?.pump();
      options.changed();
    },
  });
  let spooling = spool.count > 0;
  /** Goes back to memory once Kafka takes records and all of the spool is at least on its way there. */
  const settled = (): void => {
    if (!replay) return;
    if (spooling && !trouble && flights.size === 0 && spool.unread === 0 && !replay.handing) {
      spooling = false;
      const ready = waiting.splice(0);
      for (let next = ready.shift(); next; next = spooling ? undefined : ready.shift())
        launchByTopic(next.records, next.resolve, launch);
      // One that had to go to disk has the others behind it.
      waiting.push(...ready);
    }
    admit();
    tell();
    options.changed();
  };
  /** What is wrong with Kafka, else with a topic. */
  const tell = (error = trouble ?? replay?.asides.why): void => {
    if (error === told) return;
    told = error;
    options.state(error);
  };
  const held = heldTopics(patience, (topic, why) => {
    if (closed || !replay || replay.asides.has(topic)) return;
    const flies = [...flights].some((flight) => flight.topic === topic);
    if (!flies && !replay.isUnderWay(topic)) return;
    spill();
    replay.block(topic, why);
    tell();
  });
  const producer = make({
    held: held.tell,
    state(error) {
      // One topic's trouble is no reason to put the others on disk.
      if (error && held.isOfTopic(error)) return tell(error);
      trouble = error;
      if (trouble) spill();
      else if (spooling) settled();
      tell();
    },
  });

  const encode = (records: readonly OutgoingRecord[]): Buffer[] => {
    const now = Date.now();
    return records.map((record) => encodeRecord(record, now));
  };

  const whenDurable = (durable: Promise<void>, count: number, resolve: Flight["resolve"]): void => {
    const all = <T>(outcome: T): T[] => Array.from({ length: count }, () => outcome);
    durable.then(
      () => resolve(all("spooled")),
      (error: unknown) => resolve(all(new Retriable(`The spool can't be written: ${asError(error).message}`))),
    );
  };

  /** Appends; resolves `flight` once durable. */
  const keep = (contents: readonly Buffer[], resolve: Flight["resolve"]): number => {
    const { first, durable } = spool.append(contents);
    whenDurable(durable, contents.length, resolve);
    return first;
  };

  /** Whether the spool will be empty in a moment: then the next records wait for that, or it would never be. */
  const nearlyEmpty = (since: number): boolean =>
    !closed && !trouble && flights.size === 0 && spool.unread <= FEW && Date.now() - since < patience;

  /** Those that wait for room, in order, as far as they fit. What is larger than the whole spool goes past it. */
  const admit = (): void => {
    for (let next = waiting[0]; next && !nearlyEmpty(next.since); next = waiting[0]) {
      const fits = spool.fits(next.contents);
      if (!fits && (spool.count > 0 || trouble)) return;
      waiting.shift();
      if (fits) keep(next.contents, next.resolve);
      else launchByTopic(next.records, next.resolve, fly);
    }
  };

  /** What waits in memory goes to disk too, as far as it fits; it stays on its way to Kafka. */
  const spill = (): void => {
    if (spooling) return;
    spooling = true;
    for (const flight of flights) {
      const contents = encode(flight.records);
      if (!spool.fits(contents)) return;
      flight.first = keep(contents, flight.resolve);
      spool.skip(flight.first + contents.length);
      flight.spilled?.();
    }
  };

  /** Looks after what has waited for too long, as long as anything waits. */
  const watch = (): void => {
    timer ??= setInterval(() => {
      const [oldest] = flights;
      if (oldest && Date.now() - oldest.since > patience) spill();
      admit();
      if (flights.size > 0 || waiting.length > 0) return;
      clearInterval(timer);
      timer = undefined;
    }, patience / 4);
    timer.unref();
  };

  /** What was given back before it was on disk, which is full, waits for room, before what has come since. */
  const takeBack = ({ since, records }: Flight, outcomes: readonly Outcome[], resolve: Flight["resolve"]): void => {
    const left = outcomes.flatMap((outcome, at) => (outcome instanceof Withdrawn ? [at] : []));
    const own = left.map((at) => records[at]!);
    const merge = (later: readonly SpooledOutcome[]): void => {
      const all: SpooledOutcome[] = [...outcomes];
      for (const [n, at] of left.entries()) all[at] = later[n]!;
      resolve(all);
    };
    const place = waiting.findIndex(({ again }) => !again);
    const one: Waiting = { again: true, since, records: own, contents: encode(own), resolve: merge };
    waiting.splice(place < 0 ? waiting.length : place, 0, one);
    spooling = true;
  };

  const land = async (flight: Flight, sent: Promise<readonly Outcome[]>): Promise<void> => {
    const { topic, records, resolve } = flight;
    const outcomes = sent.then((all) => {
      // What Kafka has is done, durable in the spool or not yet.
      if (flight.first === undefined && all.some((outcome) => outcome instanceof Withdrawn))
        takeBack(flight, all, resolve);
      else if (flight.first === undefined || !all.some((outcome) => outcome instanceof Error)) resolve(all);
      return all;
    });
    await Promise.race([outcomes, new Promise<void>((spilled) => (flight.spilled = spilled))]);
    const { first } = flight;
    if (first !== undefined) {
      const numbers = records.map((_, at) => first + at);
      await replay?.track(topic, { numbers, records }, outcomes);
    } else await outcomes;
  };

  const fly = (topic: string, records: readonly OutgoingRecord[], resolve: Flight["resolve"]): void => {
    const flight: Flight = { topic, records, since: Date.now(), first: undefined, spilled: undefined, resolve };
    flights.add(flight);
    watch();
    const landing = land(flight, producer.send(records)).then(() => {
      flights.delete(flight);
      landings.delete(landing);
      if (spooling) settled();
      replay?.pump();
    });
    landings.add(landing);
  };

  replay = await replaySpool(spool, producer, {
    ...options,
    ready: () => flights.size === 0,
    trouble: options.diskTrouble,
    settled,
  }).catch(async (error: unknown) => {
    await producer.close(0);
    await spool.close();
    throw error;
  });
  const { asides } = replay;

  /** Of a topic that is set aside nothing needs the way through the spool that could not be before what is there. */
  const launch = (topic: string, records: readonly OutgoingRecord[], resolve: Flight["resolve"]): void => {
    if (!asides.has(topic)) return fly(topic, records, resolve);
    const durable = replay?.isUnderWay(topic) ? undefined : asides.append(topic, spool.end - 1, records);
    if (durable) return whenDurable(durable, records.length, resolve);
    spill();
    const contents = encode(records);
    if (waiting.length === 0 && spool.fits(contents)) return void keep(contents, resolve);
    waiting.push({ since: Date.now(), records, contents, resolve });
    watch();
  };

  replay.pump();
  return {
    get spooled() {
      return spool.count + asides.count;
    },
    async send(records) {
      if (records.length === 0) return [];
      if (closed) return records.map(() => new Retriable("The node was closed before the record was stored"));
      if (!spooling && producer.buffered >= options.bufferBytes) spill();
      return new Promise((resolve) => {
        if (!spooling) return launchByTopic(records, resolve, launch);
        waiting.push({ since: Date.now(), records, contents: encode(records), resolve });
        settled();
        watch();
      });
    },
    async close(drain) {
      closed = true;
      clearInterval(timer);
      held.close();
      spill();
      admit();
      for (const { records, resolve } of waiting.splice(0))
        resolve(records.map(() => new Retriable("The node was closed while the spool was full")));
      replay?.stop();
      // It may be long until Kafka takes these.
      for (const topic of asides.topics) producer.withdraw(topic);
      await producer.close(trouble ? 0 : drain);
      await Promise.all([replay?.idle(), ...landings]);
      await spool.close();
    },
  };
};
