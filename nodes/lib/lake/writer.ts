/** Gathers records into files by directory, publishes each file once it is due, and tells when what is durable. */
import { limiter, tryUntilDone } from "../back-off";
import { Rejected, Retriable } from "../errors";
import type { RecordFormat } from "../formats/record-format";
import { digest } from "./directory";
import { GrowingFiles } from "./growing";
import { Held, MOST_RECORDS, roughSize } from "../held";
import { OpenFile } from "./open-file";
import { type Arrival, type Lane, type LakeRecord, type Place, Places, identity } from "./place";
import { Fenced, Publisher, publicationOf } from "./publish";
import type { RotationLimits, RotationReason } from "./rotation";
import { Siblings } from "./siblings";
import { type CreateOptions, type Store, deliveryError } from "./store";
import { Ticket } from "../ticket";

export interface Stored {
  readonly path: string;
  readonly records: number;
  /** Before compression. */
  readonly bytes: number;
  readonly reason: RotationReason;
}

export interface WriterOptions {
  /** Identity of the node, stable over restarts. */
  readonly node: string;
  /** Makes the format of a directory's files. */
  format(): RecordFormat;
  readonly gzip: boolean;
  readonly limits: RotationLimits;
  readonly create: Omit<CreateOptions, "createParent">;
  /** Leave out records that the lake already holds. */
  readonly once: boolean;
  /** Bytes that may wait in memory. */
  readonly memory: number;
  /** Files that may grow at the same time. */
  readonly files: number;
  /** Told when a file is durable. */
  stored?(stored: Stored): void;
  /** Told when the lake can't be written, and with undefined once it can again. */
  away?(error: Error | undefined): void;
}

const PUBLISHING_AT_ONCE = 4;

/** ms that unfinished work gets to notice that the writer has closed */
const LAST_MOMENT = 200;

const closed = (): Retriable =>
  new Retriable("The sink closed before the record was stored; it comes again from its source", { unreachable: true });

export class LakeWriter {
  private readonly places: Places;
  private readonly growing: GrowingFiles;
  private readonly siblings = new Siblings();
  private readonly inTurn = limiter(PUBLISHING_AT_ONCE);
  private readonly working = new Set<Promise<void>>();
  private readonly end = new AbortController();
  private sequence = 0;
  private readonly memory: Held;
  private isAway = false;

  constructor(
    private readonly store: Store,
    private readonly options: WriterOptions,
  ) {
    this.memory = new Held(options.memory);
    this.places = new Places(store, options.node, () => options.format());
    this.growing = new GrowingFiles(
      options.limits,
      { memory: options.memory / 2, records: MOST_RECORDS / 2, files: options.files },
      (file, place, reason) => this.publishLater(file, place, reason),
    );
  }

  /** Bytes of records that wait in memory, growing or being published. */
  get held(): number {
    return this.memory.bytes;
  }

  /** Resolves with true once there is room in memory, with false when there is none within `limit` ms. */
  room(limit: number): Promise<boolean> {
    // what grows would otherwise wait for records that wait for room
    if (!this.memory.roomy) this.relieve("memory");
    return this.memory.room(limit, this.end.signal);
  }

  /**
   * Takes the records of one message in.
   * @param batch whether the message carries an array of records
   * @param token the message's delivery token; without one, records are not recognised when they come again
   * @returns what resolves when all are durable, or rejects with what `Ticket` says
   */
  write(records: Iterable<LakeRecord>, batch: boolean, token?: string): Promise<readonly string[]> {
    const ticket = new Ticket(batch);
    for (const record of records) {
      ticket.enter();
      this.enter({ record, ticket, token, size: 0 });
    }
    ticket.seal();
    return ticket.finished;
  }

  /** Publishes everything now: the source waits for it. */
  relieve(reason: RotationReason = "pressure"): void {
    this.growing.publishAll(reason);
    // what still waits for its directory is published as soon as it is in a file
    for (const place of this.places.all()) if (place.queue.length > 0) place.hurried = reason;
  }

  /** Publishes what it can within `limit` ms; the rest fails, so that its records come again. */
  async close(limit: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limit);
    });
    await Promise.race([late, this.drained()]);
    clearTimeout(timer);
    this.end.abort();
    this.growing.stop();
    for (const place of this.places.all()) this.failQueue(place, closed());
    await Promise.race([
      Promise.allSettled(this.working),
      new Promise((resolve) => setTimeout(resolve, LAST_MOMENT).unref()),
    ]);
  }

  private async drained(): Promise<void> {
    this.relieve("close");
    while (this.working.size > 0 && !this.end.signal.aborted) {
      await Promise.allSettled(this.working);
      this.relieve("close");
    }
  }

  private enter(arrival: Arrival): void {
    this.guarded(arrival, () => {
      const place = this.places.of(arrival.record);
      if (place.ready) this.admit(place, arrival);
      else {
        const size = roughSize(arrival.record.value);
        place.queue.push({ ...arrival, size });
        this.memory.add(size, 1);
        this.prepare(place);
      }
    });
  }

  /** A record that can't be taken fails alone. */
  private guarded({ record, ticket }: Arrival, action: () => void): void {
    try {
      if (this.end.signal.aborted) throw closed();
      action();
    } catch (error) {
      ticket.fail(record.index, error);
    }
  }

  private admit(place: Place, arrival: Arrival): void {
    const { record, ticket, token } = arrival;
    const { origin } = record;
    if (!origin || !place.stored || token === undefined || !this.options.once) {
      this.put(place, arrival, 0);
      return;
    }
    const piece = this.siblings.next(place.key, origin.offset, token, record.part);
    const holder = place.held.get(identity(origin.offset, piece));
    if (holder) {
      holder.wait(ticket, record.index);
      return;
    }
    const stored = place.stored.has(origin.offset, piece);
    if (stored === true) ticket.leave(1);
    else if (stored === false) this.put(place, arrival, piece);
    else this.admitWhenKnown(stored, place, arrival, piece);
  }

  private admitWhenKnown(stored: Promise<boolean>, place: Place, arrival: Arrival, piece: number): void {
    const { generation } = place;
    const { record, ticket } = arrival;
    const known = stored.then(
      (found) => {
        if (found) ticket.leave(1);
        else
          this.guarded(arrival, () => {
            if (generation !== place.generation) throw new Fenced();
            this.put(place, arrival, piece);
          });
      },
      (error: unknown) => ticket.fail(record.index, deliveryError(error)),
    );
    this.work(known);
  }

  private put(place: Place, { record, ticket }: Arrival, piece: number): void {
    const now = Date.now();
    let file = place.file ?? this.begin(place, now);
    let size = this.take(file, record, now);
    if (size === undefined) {
      this.growing.publish(file, "columns");
      file = this.begin(place, now);
      size = this.take(file, record, now) ?? 0;
    }
    file.wait(ticket, record.index);
    if (record.origin) {
      file.offsets.push(record.origin.offset);
      file.pieces.push(piece);
      place.held.set(identity(record.origin.offset, piece), file);
    }
    this.memory.add(size, 1);
    this.growing.grown(file, size);
  }

  private begin(place: Place, now: number): OpenFile {
    const file = new OpenFile(place.format.begin(), this.options.gzip, now, ++this.sequence);
    this.growing.begin(place, file);
    return file;
  }

  private take(file: OpenFile, record: LakeRecord, now: number): number | undefined {
    try {
      return file.add(record.value, now);
    } catch (error) {
      if (file.records === 0) this.growing.drop(file);
      throw error;
    }
  }

  private publishLater(file: OpenFile, place: Place, reason: RotationReason): void {
    const { generation } = place;
    this.work(
      this.inTurn(() => this.publish(place, file, reason, generation))
        .catch((error: unknown) => file.failed(deliveryError(error)))
        .finally(() => this.release(place, file)),
    );
  }

  private release(place: Place, file: OpenFile): void {
    this.memory.free(file.bytes, file.records);
    for (const [at, offset] of file.offsets.entries()) {
      const key = identity(offset, file.pieces[at] ?? 0);
      if (place.held.get(key) === file) place.held.delete(key);
    }
  }

  private async publish(place: Place, file: OpenFile, reason: RotationReason, generation: number): Promise<void> {
    const { origin, directory } = place;
    const { gzip, once, node } = this.options;
    const exact = origin !== undefined && once;
    const publication = publicationOf(place, file, digest(node), gzip);
    const publisher = new Publisher(this.store, place.lane.fence, this.options.create, publication);
    const name = await this.untilDone(async () => {
      if (exact && generation !== place.generation) throw new Fenced();
      try {
        return await publisher.publish();
      } catch (error) {
        if (!(error instanceof Fenced)) throw error;
        this.lose(place.lane);
        // where records are not recognised anyway, the file goes on under a new epoch
        throw exact ? error : new Retriable(error.message, { cause: error, unreachable: true });
      }
    });
    place.stored?.published(name, publication);
    const path = directory === "" ? name : `${directory}/${name}`;
    file.stored(path);
    this.options.stored?.({ path, records: file.records, bytes: file.bytes, reason });
  }

  /** The lane went to another writer: what was gathered under the old epoch may be stored by now. */
  private lose(lane: Lane): void {
    lane.fence.lost();
    if (!this.options.once) return;
    for (const place of lane.places) {
      if (!place.origin) continue;
      place.generation++;
      place.ready = false;
      const { file } = place;
      if (!file) continue;
      this.growing.drop(file);
      this.release(place, file);
      file.failed(new Fenced());
    }
  }

  /** Makes the directory, and learns what it holds: only after the lane's epoch was taken. */
  private prepare(place: Place): void {
    if (place.preparing) return;
    place.preparing = true;
    const { generation } = place;
    const exact = place.origin !== undefined && this.options.once;
    const prepared = this.untilDone(async () => {
      if (exact) await place.lane.fence.claim();
      await this.store.mkdirs(place.directory);
      if (exact) await place.stored?.load();
    }).then(
      () => {
        place.preparing = false;
        place.ready = generation === place.generation;
        if (place.ready) this.admitQueue(place);
        else this.prepare(place);
      },
      (error: unknown) => {
        place.preparing = false;
        this.failQueue(place, deliveryError(error));
      },
    );
    this.work(prepared);
  }

  private admitQueue(place: Place): void {
    for (const arrival of this.dequeue(place)) this.guarded(arrival, () => this.admit(place, arrival));
    if (place.hurried && place.file) this.growing.publish(place.file, place.hurried);
    place.hurried = undefined;
  }

  private failQueue(place: Place, error: Error): void {
    for (const { record, ticket } of this.dequeue(place)) ticket.fail(record.index, error);
  }

  private dequeue(place: Place): Arrival[] {
    const arrivals = place.queue.splice(0);
    for (const { size } of arrivals) this.memory.free(size, 1);
    return arrivals;
  }

  private work(work: Promise<void>): void {
    this.working.add(work);
    void work.finally(() => this.working.delete(work));
  }

  /** Everything but a record's own fault, and the lane's loss, is tried until it works or the sink closes. */
  private async untilDone<T>(action: () => Promise<T>): Promise<T> {
    const done = await tryUntilDone(action, {
      first: 500,
      longest: 30_000,
      signal: this.end.signal,
      again: (error) => !(error instanceof Fenced) && !(deliveryError(error) instanceof Rejected),
      failed: (error) => {
        this.isAway = true;
        this.options.away?.(error);
      },
    });
    if (this.isAway) {
      this.isAway = false;
      this.options.away?.(undefined);
    }
    return done;
  }
}
