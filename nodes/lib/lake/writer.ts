/** Gathers records into files by directory, publishes each file once it is due, and tells when what is durable. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { RecordFormat } from "../formats/record-format";
import { Held, MOST_RECORDS, roughSize } from "../held";
import { closed, Effort } from "./effort";
import { Filling } from "./filling";
import { GrowingFiles } from "./growing";
import { laneWriter } from "./lane";
import { type Arrival, countOf, type LakeRecord, type LakeRun, type Place, Places, type RunArrival } from "./place";
import { Publishing } from "./publishing";
import type { RotationLimits, RotationReason } from "./rotation";
import { type CreateOptions, type LakeStore, deliveryError } from "./store";
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
  /** The writer has closed: no format is used any more. */
  closed?(): Promise<void>;
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

/** Records that are taken in before the time is looked at, of those that waited for their place … */
const ADMITTED_AT_ONCE = 1_000;
/** … and how long that may keep the event loop, in ms. With less than comes meanwhile the queue would never end. */
const TURN = 5;
/** Bytes that wait for their places while new ones are waited for with them: see `IN_LINE` of publishing.ts. */
const MOST_QUEUED = 8 << 20;

export class LakeWriter {
  private readonly places: Places;
  private readonly growing: GrowingFiles;
  private readonly filling: Filling;
  private readonly effort: Effort;
  private readonly memory: Held;
  private readonly publishing: Publishing;
  /** Bytes of records that wait for their places. */
  private queued = 0;

  constructor(
    private readonly store: LakeStore,
    private readonly options: WriterOptions,
  ) {
    this.memory = new Held(options.memory, () => this.publishing.flows && this.queued <= MOST_QUEUED);
    this.effort = new Effort(options.away?.bind(options));
    this.places = new Places(
      store,
      options.node,
      () => options.format(),
      (folder) => laneWriter(store, folder, options.create),
    );
    this.publishing = new Publishing(options, this.effort, this.memory, (file) => this.growing.drop(file));
    this.growing = new GrowingFiles(
      options.limits,
      { memory: options.memory / 2, records: MOST_RECORDS / 2, files: options.files },
      (file, place, reason) => this.publishing.later(file, place, reason),
    );
    this.filling = new Filling(options, this.effort, this.memory, this.growing);
  }

  /** Bytes of records that wait in memory, growing or being published. */
  get held(): number {
    return this.memory.bytes;
  }

  /** Resolves with true once there is room in memory, with false when nothing has left it for `limit` ms. */
  room(limit: number): Promise<boolean> {
    // what grows would otherwise wait for records that wait for room
    if (!this.memory.roomy) this.relieve("memory");
    return this.memory.room(limit, this.effort.signal);
  }

  /**
   * Takes the records of one message in.
   * @param batch whether the message carries an array of records
   * @param token the message's delivery token; without one, records are not recognised when they come again
   * @returns what resolves when all are durable, or rejects with what `Ticket` says
   */
  write(records: Iterable<LakeRecord | LakeRun>, batch: boolean, token?: string): Promise<readonly string[]> {
    const ticket = new Ticket(batch);
    for (const one of records) {
      if ("lines" in one) {
        ticket.enter(one.to - one.from);
        this.enterRun({ run: one, ticket, token, size: 0 });
      } else {
        ticket.enter();
        this.enter({ record: one, ticket, token, size: 0 });
      }
    }
    ticket.seal();
    return ticket.finished;
  }

  /**
   * Publishes everything now: the source waits for it. Not while memory is full of files that are being published: these
   * make room, and more and smaller ones would come later only.
   */
  relieve(reason: RotationReason = "pressure"): void {
    if (this.memory.roomy || !this.publishing.underWay) this.publishAll(reason);
  }

  private publishAll(reason: RotationReason): void {
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
    await Promise.race([late, this.effort.drained(() => this.publishAll("close"))]);
    clearTimeout(timer);
    this.effort.stop();
    this.growing.stop();
    for (const place of this.places.all()) this.failQueue(place, closed());
    await this.effort.ended();
    await this.options.closed?.();
  }

  private enter(arrival: Arrival): void {
    this.filling.guarded(arrival, () => {
      const place = this.places.of(arrival.record);
      if (place.ready) this.filling.admit(place, arrival);
      else this.queue(place, { ...arrival, size: roughSize(arrival.record.value) });
    });
  }

  private enterRun(arrival: RunArrival): void {
    const { run } = arrival;
    const place = this.places.of(run);
    if (place.ready || this.effort.signal.aborted) this.filling.admitRun(place, arrival);
    else {
      let size = 0;
      for (let at = run.from; at < run.to; at++) size += Math.max(0, run.lines.sizeOf(at));
      this.queue(place, { ...arrival, size });
    }
  }

  private queue(place: Place, arrival: Arrival | RunArrival): void {
    place.queue.push(arrival);
    this.queued += arrival.size;
    this.memory.add(arrival.size, countOf(arrival));
    this.prepare(place);
  }

  /** Makes the directory, and learns what it holds: only after the lane's epoch was taken. */
  private prepare(place: Place): void {
    if (place.preparing) return;
    place.preparing = true;
    const { generation } = place;
    const exact = place.origin !== undefined && this.options.once;
    const prepared = this.effort
      .untilDone(async () => {
        if (exact) await place.lane.writer.claim();
        await this.store.mkdirs(place.directory);
        if (exact) await place.stored?.load();
      })
      .then(
        async () => {
          await this.admitQueue(place, generation);
          place.preparing = false;
          if (!place.ready) this.prepare(place);
        },
        (error: unknown) => {
          place.preparing = false;
          this.failQueue(place, deliveryError(error));
        },
      );
    this.effort.track(prepared);
  }

  /** Takes in what waited for the place, without keeping the event loop; it is ready then, unless its lane was lost. */
  private async admitQueue(place: Place, generation: number): Promise<void> {
    let turn = performance.now();
    for (;;) {
      const isLost = generation !== place.generation;
      if (isLost) {
        place.ready = false;
        return;
      }
      const some = this.dequeue(place, ADMITTED_AT_ONCE);
      place.ready = place.queue.length === 0;
      for (const arrival of some)
        if ("run" in arrival) this.filling.admitRun(place, arrival);
        else this.filling.guarded(arrival, () => this.filling.admit(place, arrival));
      if (place.ready) break;
      if (performance.now() - turn < TURN) continue;
      await nextTurn();
      turn = performance.now();
    }
    if (place.hurried && place.file) this.growing.publish(place.file, place.hurried);
    place.hurried = undefined;
  }

  private failQueue(place: Place, error: Error): void {
    for (const arrival of this.dequeue(place)) {
      const { ticket } = arrival;
      if (!("run" in arrival)) ticket.fail(arrival.record.index, error);
      else for (let at = arrival.run.from; at < arrival.run.to; at++) ticket.fail(at, error);
    }
  }

  /** The first of what waits: as many as bring `most` records. */
  private dequeue(place: Place, most = Infinity): (Arrival | RunArrival)[] {
    let end = 0;
    for (let records = 0; end < place.queue.length && records < most; end++) records += countOf(place.queue[end]!);
    const arrivals = place.queue.splice(0, end);
    for (const arrival of arrivals) {
      this.queued -= arrival.size;
      this.memory.free(arrival.size, countOf(arrival));
    }
    return arrivals;
  }
}
