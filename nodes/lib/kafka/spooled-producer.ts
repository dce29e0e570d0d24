/**
 * A producer with a spool on disk behind its memory. While Kafka takes records they go straight to it. As soon as it
 * does not (trouble, a full buffer, or no acknowledgement for a second), what waits in memory and everything that comes
 * is written to the spool, in order; from there it goes to Kafka when that is back. Durable in the spool is done.
 */
import { asError, Retriable } from "../errors";
import { Spool, type SpoolOptions } from "../spool/spool";
import { replaySpool } from "./replay-spool";
import { encodeRecord } from "./spooled-record";
import type { Outcome, OutgoingRecord, Producer } from "./port";

/** "spooled": durable on disk, on its way to Kafka. */
export type SpooledOutcome = Outcome | "spooled";

export interface SpooledProducer {
  /** Resolves with one outcome a record, each durable in Kafka or on disk, or failed. Waits while there is no room. */
  send(records: readonly OutgoingRecord[]): Promise<readonly SpooledOutcome[]>;
  /** Records on disk that Kafka has not acknowledged. */
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

/** Records that were given to Kafka without the spool. */
interface Flight {
  readonly records: readonly OutgoingRecord[];
  readonly since: number;
  /** Number of its first record in the spool, if it was put there too. */
  first: number | undefined;
  resolve(outcomes: readonly SpooledOutcome[]): void;
}

interface Waiting {
  readonly since: number;
  readonly records: readonly OutgoingRecord[];
  readonly contents: readonly Buffer[];
  resolve(outcomes: readonly SpooledOutcome[]): void;
}

/** The way of one topic's records, which alone must keep their order. */
interface Course {
  readonly topic: string;
  readonly flights: Set<Flight>;
  readonly waiting: Waiting[];
  /** Its records go through the spool. */
  spooling: boolean;
  /** Number of its last entry in the spool. */
  last: number;
}

/** Entries of the spool that are on their way to Kafka in a moment. */
const FEW = 1000;

/** Records by topic, each with its place among all. */
const byTopic = (records: readonly OutgoingRecord[]): Map<string, number[]> => {
  const topics = new Map<string, number[]>();
  for (const [at, { topic }] of records.entries()) {
    const own = topics.get(topic);
    if (own) own.push(at);
    else topics.set(topic, [at]);
  }
  return topics;
};

/**
 * @param make makes the producer, which tells its state to the function given
 * @throws ConfigError when the folder cannot be used
 */
export const spoolingProducer = async (
  make: (state: (trouble: Error | undefined) => void) => Producer,
  options: SpoolingOptions,
): Promise<SpooledProducer> => {
  const { patience = 1000 } = options;
  const courses = new Map<string, Course>();
  const landings = new Set<Promise<void>>();
  let troubledSince: number | undefined;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const spool = await Spool.open({
    directory: options.directory,
    maxBytes: options.maxBytes,
    ...(options.again === undefined ? {} : { again: options.again }),
    lost: options.lost,
    cut: options.cut,
    trouble: options.diskTrouble,
    changed() {
      for (const course of all()) admit(course);
      replay.pump();
      options.changed();
    },
  });
  /** What an earlier process has left, of topics that are not known before it is read. */
  const backlog = spool.readTo + spool.unread;
  const all = (): Course[] => [...courses.values()];
  const courseOf = (topic: string): Course => {
    let course = courses.get(topic);
    if (!course) {
      course = { topic, flights: new Set(), waiting: [], spooling: false, last: -1 };
      course.spooling = down() || isBehind(course);
      courses.set(topic, course);
    }
    return course;
  };
  /** Kafka has taken nothing for too long. One broker of several that is away is no reason. */
  const down = (): boolean => troubledSince !== undefined && Date.now() - troubledSince >= patience;
  /** Whether entries of the topic have not been given to Kafka. */
  const isBehind = ({ topic, last }: Course): boolean =>
    last >= spool.readTo || spool.readTo < backlog || replay.handing(topic);

  /** Goes back to memory once Kafka takes records and all of the topic's in the spool are at least on their way there. */
  const settled = (course: Course): void => {
    if (course.spooling && !down() && course.flights.size === 0 && !isBehind(course)) {
      course.spooling = false;
      for (const { records, resolve } of course.waiting.splice(0)) fly(course, records, resolve);
    }
    admit(course);
    if (course.flights.size === 0 && course.waiting.length === 0 && !isBehind(course)) courses.delete(course.topic);
  };
  const allSettled = (): void => {
    for (const course of all()) settled(course);
    options.changed();
  };

  const producer = make((error) => {
    if (error) troubledSince ??= Date.now();
    else if (troubledSince !== undefined) {
      troubledSince = undefined;
      allSettled();
    }
    options.state(error);
  });
  const replay = replaySpool(spool, producer, {
    isFlying: (topic) => (courses.get(topic)?.flights.size ?? 0) > 0,
    flying: () =>
      all().flatMap(({ topic, flights, last }) => (flights.size > 0 && last >= spool.readTo ? [topic] : [])),
    down,
    refused: options.refused,
    trouble: options.diskTrouble,
    lost: options.lost,
    settled: allSettled,
  });

  const encode = (records: readonly OutgoingRecord[]): Buffer[] => {
    const now = Date.now();
    return records.map((record) => encodeRecord(record, now));
  };

  /** Appends; resolves once durable. */
  const keep = (course: Course, contents: readonly Buffer[], resolve: Flight["resolve"]): number => {
    const { first, durable } = spool.append(contents);
    course.last = first + contents.length - 1;
    durable.then(
      () => resolve(contents.map(() => "spooled")),
      (error: unknown) =>
        resolve(contents.map(() => new Retriable(`The spool can't be written: ${asError(error).message}`))),
    );
    return first;
  };

  /** Whether the topic's part of the spool will be empty in a moment: then its next records wait for that, or it would never be. */
  const nearlyEmpty = ({ topic, flights }: Course, since: number): boolean =>
    !closed && !down() && flights.size === 0 && replay.ahead(topic) <= FEW && Date.now() - since < patience;

  /** Those that wait for room, in order, as far as they fit. What is larger than the whole spool goes past it. */
  const admit = (course: Course): void => {
    const { waiting } = course;
    for (let next = waiting[0]; next && !nearlyEmpty(course, next.since); next = waiting[0]) {
      const fits = spool.fits(next.contents);
      if (!fits && (spool.count > 0 || down())) return;
      waiting.shift();
      if (fits) keep(course, next.contents, next.resolve);
      else fly(course, next.records, next.resolve);
    }
  };

  /** What waits in memory goes to disk too, as far as it fits; it stays on its way to Kafka. */
  const spill = (course: Course): void => {
    if (course.spooling || (course.flights.size === 0 && !closed)) return;
    course.spooling = true;
    for (const flight of course.flights) {
      const contents = encode(flight.records);
      if (!spool.fits(contents)) return;
      flight.first = keep(course, contents, flight.resolve);
      replay.leave(flight.first, contents.length);
    }
  };

  /** Looks after what has waited for too long, as long as anything waits. */
  const watch = (): void => {
    timer ??= setInterval(() => {
      let busy = false;
      for (const course of all()) {
        const [oldest] = course.flights;
        if (oldest && Date.now() - oldest.since > patience) spill(course);
        settled(course);
        busy ||= course.flights.size > 0 || course.waiting.length > 0;
      }
      if (busy) return;
      clearInterval(timer);
      timer = undefined;
    }, patience / 4);
    timer.unref();
  };

  const fly = (course: Course, records: readonly OutgoingRecord[], resolve: Flight["resolve"]): void => {
    const flight: Flight = { records, since: Date.now(), first: undefined, resolve };
    course.flights.add(flight);
    watch();
    const landing = producer.send(records).then(async (outcomes) => {
      // what Kafka has is done, durable in the spool or not yet
      if (flight.first === undefined || !outcomes.some((outcome) => outcome instanceof Error)) resolve(outcomes);
      const { first } = flight;
      const numbers = first === undefined ? [] : records.map((_, at) => first + at);
      if (first !== undefined) await replay.settle({ topic: course.topic, numbers, records }, outcomes);
      course.flights.delete(flight);
      landings.delete(landing);
      settled(course);
      if (first !== undefined) options.changed();
    });
    landings.add(landing);
  };

  /** Sends records of one topic. */
  const depart = (topic: string, records: readonly OutgoingRecord[]): Promise<readonly SpooledOutcome[]> => {
    const course = courseOf(topic);
    const isFull = producer.buffered >= options.bufferBytes;
    if (!course.spooling && (isFull || down())) {
      for (const one of isFull ? all() : [course]) spill(one);
      course.spooling = true;
    }
    return new Promise((resolve) => {
      if (!course.spooling) return fly(course, records, resolve);
      course.waiting.push({ since: Date.now(), records, contents: encode(records), resolve });
      settled(course);
      watch();
    });
  };

  replay.pump();
  return {
    get spooled() {
      return spool.count;
    },
    async send(records) {
      if (closed) return records.map(() => new Retriable("The node was closed before the record was stored"));
      const topics = byTopic(records);
      const [only] = topics.keys();
      if (only === undefined) return [];
      if (topics.size === 1) return depart(only, records);
      const outcomes = Array.from<SpooledOutcome>({ length: records.length });
      const parts = [...topics].map(async ([topic, places]) => {
        const own = await depart(
          topic,
          places.map((at) => records[at]!),
        );
        for (const [at, outcome] of own.entries()) outcomes[places[at]!] = outcome;
      });
      await Promise.all(parts);
      return outcomes;
    },
    async close(drain) {
      closed = true;
      clearInterval(timer);
      for (const course of all()) {
        spill(course);
        admit(course);
        for (const { records, resolve } of course.waiting.splice(0))
          resolve(records.map(() => new Retriable("The node was closed while the spool was full")));
      }
      replay.stop();
      await producer.close(down() ? 0 : drain);
      await Promise.all([replay.idle(), ...landings]);
      await spool.close();
    },
  };
};
