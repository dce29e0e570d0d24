/** Puts records into the files that grow, and leaves out those that the lake holds already. */
import type { Held } from "../held";
import { closed, type Effort } from "./effort";
import type { GrowingFiles } from "./growing";
import { OpenFile } from "./open-file";
import { type Arrival, type LakeRecord, type LakeRun, type Place, recordOf, type RunArrival } from "./place";
import { Fenced } from "./fenced";
import { Siblings } from "./siblings";
import { spreads } from "./rotation";
import { deliveryError } from "./store";
import type { Ticket } from "../ticket";
import type { WriterOptions } from "./writer";

export class Filling {
  private readonly siblings = new Siblings();
  private sequence = 0;

  constructor(
    private readonly options: WriterOptions,
    private readonly effort: Effort,
    private readonly memory: Held,
    private readonly growing: GrowingFiles,
  ) {}

  /** A record that can't be taken fails alone. */
  guarded({ record, ticket }: Arrival, action: () => void): void {
    this.guardedAt(ticket, record.index, action);
  }

  private guardedAt(ticket: Ticket, index: number, action: () => void): void {
    try {
      if (this.effort.signal.aborted) throw closed();
      action();
    } catch (error) {
      ticket.fail(index, error);
    }
  }

  /** Takes in a record whose place is ready. @throws Rejected when it can't be written in the format */
  admit(place: Place, arrival: Arrival): void {
    const { record, ticket, token } = arrival;
    const { origin } = record;
    if (!origin || !place.stored || token === undefined || !this.options.once) {
      this.put(place, arrival, 0);
      return;
    }
    const piece = this.siblings.next(place.key, origin.offset, token, record.part);
    for (const file of place.unpublished)
      if (file.offsets.has(origin.offset, piece)) {
        file.wait(ticket, record.index);
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
    this.effort.track(known);
  }

  /** Takes in a run whose place is ready; what of it can't be taken fails alone. */
  admitRun(place: Place, { run, ticket, token }: RunArrival): void {
    const isOver = this.effort.signal.aborted;
    const piece = isOver ? undefined : this.pieceOfNew(place, run, token);
    for (let at = run.from; at < run.to;) {
      if (piece !== undefined) at += this.putRun(place, run, at, piece, ticket);
      if (at === run.to) return;
      const index = at++;
      this.guardedAt(ticket, index, () => {
        const arrival: Arrival = { record: recordOf(run, index), ticket, token, size: 0 };
        if (piece === undefined) this.admit(place, arrival);
        else this.put(place, arrival, piece);
      });
    }
  }

  /**
   * Which piece the records of a run are, the same for all; undefined where one may be here or stored already, so that
   * each is looked for by itself. Offsets ascend, so all are new when the first lies behind all that is known.
   */
  private pieceOfNew(place: Place, run: LakeRun, token: string | undefined): number | undefined {
    const { lines, from, to } = run;
    const { limits, once } = this.options;
    if (limits.span !== undefined) return undefined;
    if (!place.stored || token === undefined || !once) return 0;
    const first = lines.offset(from);
    if (place.stored.last >= first) return undefined;
    for (const file of place.unpublished) if (file.offsets.last >= first) return undefined;
    return this.siblings.nextOfAll(place.key, lines, from, to, token, run.part);
  }

  /** Puts in what it can of a run from a position on. @returns how many; the next one has to go by itself, if there is one */
  private putRun(place: Place, run: LakeRun, from: number, piece: number, ticket: Ticket): number {
    const { limits } = this.options;
    const now = Date.now();
    let at = from;
    while (at < run.to) {
      const file = place.file ?? this.beginIfPossible(place, now);
      if (!file) break;
      const end = Math.min(run.to, at + limits.records - file.records);
      const { count, size } = file.addRun(run, at, end, limits.bytes - file.bytes, piece, ticket);
      if (count === 0) break;
      at += count;
      file.touched = now;
      place.unpublished.add(file);
      this.memory.add(size, count);
      this.growing.grown(file, size, count);
    }
    return at - from;
  }

  private put(place: Place, { record, ticket }: Arrival, piece: number): void {
    const now = Date.now();
    const { span } = this.options.limits;
    if (span !== undefined && record.time !== undefined && place.file && spreads(place.file, record.time, span))
      this.growing.publish(place.file, "time");
    let file = place.file ?? this.begin(place, now);
    let size = this.take(file, record, now);
    if (size === undefined) {
      this.growing.publish(file, "columns");
      file = this.begin(place, now);
      size = this.take(file, record, now) ?? 0;
    }
    file.wait(ticket, record.index);
    if (record.origin) {
      file.offsets.add(record.origin.offset, piece);
      place.unpublished.add(file);
    }
    this.memory.add(size, 1);
    this.growing.grown(file, size, 1);
  }

  private begin(place: Place, now: number): OpenFile {
    const file = new OpenFile(place.format.begin(), now, ++this.sequence, this.options.limits.schedule?.(now));
    this.growing.begin(place, file);
    return file;
  }

  /** What is wrong is said to each record that then goes by itself. */
  private beginIfPossible(place: Place, now: number): OpenFile | undefined {
    try {
      return this.begin(place, now);
    } catch {
      return undefined;
    }
  }

  private take(file: OpenFile, record: LakeRecord, now: number): number | undefined {
    try {
      return file.add(record, now);
    } catch (error) {
      if (file.records === 0) {
        this.growing.drop(file);
        file.failed(deliveryError(error));
      }
      throw error;
    }
  }
}
