/** Puts records into the files that grow, and leaves out those that the lake holds already. */
import type { Held } from "../held";
import { closed, type Effort } from "./effort";
import type { GrowingFiles } from "./growing";
import { OpenFile } from "./open-file";
import type { Arrival, LakeRecord, Place } from "./place";
import { Fenced } from "./fenced";
import { Siblings } from "./siblings";
import { spreads } from "./rotation";
import { deliveryError } from "./store";
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
    try {
      if (this.effort.signal.aborted) throw closed();
      action();
    } catch (error) {
      ticket.fail(record.index, error);
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
    this.growing.grown(file, size);
  }

  private begin(place: Place, now: number): OpenFile {
    const file = new OpenFile(place.format.begin(), now, ++this.sequence, this.options.limits.schedule?.(now));
    this.growing.begin(place, file);
    return file;
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
