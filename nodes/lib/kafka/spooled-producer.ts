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

/** Entries of the spool that are on their way to Kafka in a moment. */
const FEW = 1000;

/**
 * @param make makes the producer, which tells its state to the function given
 * @throws ConfigError when the folder cannot be used
 */
export const spoolingProducer = async (
  make: (state: (trouble: Error | undefined) => void) => Producer,
  options: SpoolingOptions,
): Promise<SpooledProducer> => {
  const { patience = 1000 } = options;
  const flights = new Set<Flight>();
  const landings = new Set<Promise<void>>();
  const waiting: Waiting[] = [];
  let troubled = false;
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
      admit();
      replay.pump();
      options.changed();
    },
  });
  let spooling = spool.count > 0;
  /** Goes back to memory once Kafka takes records and all of the spool is at least on its way there. */
  const settled = (): void => {
    if (spooling && !troubled && flights.size === 0 && spool.unread === 0 && !replay.handing) {
      spooling = false;
      for (const { records, resolve } of waiting.splice(0)) fly(records, resolve);
    }
    admit();
    options.changed();
  };
  const producer = make((error) => {
    troubled = error !== undefined;
    if (troubled) spill();
    else if (spooling) settled();
    options.state(error);
  });
  const replay = replaySpool(spool, producer, {
    ready: () => flights.size === 0,
    refused: options.refused,
    trouble: options.diskTrouble,
    lost: options.lost,
    settled,
  });

  const encode = (records: readonly OutgoingRecord[]): Buffer[] => {
    const now = Date.now();
    return records.map((record) => encodeRecord(record, now));
  };

  /** Appends; resolves `flight` once durable. */
  const keep = (contents: readonly Buffer[], resolve: Flight["resolve"]): number => {
    const { first, durable } = spool.append(contents);
    durable.then(
      () => resolve(contents.map(() => "spooled")),
      (error: unknown) =>
        resolve(contents.map(() => new Retriable(`The spool can't be written: ${asError(error).message}`))),
    );
    return first;
  };

  /** Whether the spool will be empty in a moment: then the next records wait for that, or it would never be. */
  const nearlyEmpty = (since: number): boolean =>
    !closed && !troubled && flights.size === 0 && spool.unread <= FEW && Date.now() - since < patience;

  /** Those that wait for room, in order, as far as they fit. What is larger than the whole spool goes past it. */
  const admit = (): void => {
    for (let next = waiting[0]; next && !nearlyEmpty(next.since); next = waiting[0]) {
      const fits = spool.fits(next.contents);
      if (!fits && (spool.count > 0 || troubled)) return;
      waiting.shift();
      if (fits) keep(next.contents, next.resolve);
      else fly(next.records, next.resolve);
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

  const fly = (records: readonly OutgoingRecord[], resolve: Flight["resolve"]): void => {
    const flight: Flight = { records, since: Date.now(), first: undefined, resolve };
    flights.add(flight);
    watch();
    const landing = producer.send(records).then(async (outcomes) => {
      // what Kafka has is done, durable in the spool or not yet
      if (flight.first === undefined || !outcomes.some((outcome) => outcome instanceof Error)) resolve(outcomes);
      const { first } = flight;
      if (first !== undefined)
        await replay.settle(
          records.map((_, at) => first + at),
          records,
          outcomes,
        );
      flights.delete(flight);
      landings.delete(landing);
      if (spooling) settled();
      replay.pump();
    });
    landings.add(landing);
  };

  replay.pump();
  return {
    get spooled() {
      return spool.count;
    },
    async send(records) {
      if (records.length === 0) return [];
      if (closed) return records.map(() => new Retriable("The node was closed before the record was stored"));
      if (!spooling && producer.buffered >= options.bufferBytes) spill();
      return new Promise((resolve) => {
        if (!spooling) return fly(records, resolve);
        const contents = encode(records);
        waiting.push({ since: Date.now(), records, contents, resolve });
        settled();
        watch();
      });
    },
    async close(drain) {
      closed = true;
      clearInterval(timer);
      spill();
      admit();
      for (const { records, resolve } of waiting.splice(0))
        resolve(records.map(() => new Retriable("The node was closed while the spool was full")));
      replay.stop();
      await producer.close(troubled ? 0 : drain);
      await Promise.all([replay.idle(), ...landings]);
      await spool.close();
    },
  };
};
