/** Publishes the files that are due, a few at a time, and gives up those of a lane that went to another writer. */
import { limiter } from "../back-off";
import { Retriable } from "../errors";
import type { Held } from "../held";
import { digest } from "./directory";
import type { Effort } from "./effort";
import type { OpenFile } from "./open-file";
import type { Lane, Place } from "./place";
import { Fenced } from "./fenced";
import { publicationOf } from "./publish";
import type { RotationReason } from "./rotation";
import { deliveryError } from "./store";
import type { WriterOptions } from "./writer";

const PUBLISHING_AT_ONCE = 4;
/**
 * Of a source that is quicker than the store so many files, and bytes, are in line to be published: with more the store
 * would be no quicker, and each record is in memory here and at its source.
 */
const IN_LINE = { files: 2 * PUBLISHING_AT_ONCE, bytes: 8 << 20 };

export class Publishing {
  private readonly inTurn = limiter(PUBLISHING_AT_ONCE);
  private files = 0;
  private bytes = 0;

  /** @param drop takes a file out of those that grow */
  constructor(
    private readonly options: WriterOptions,
    private readonly effort: Effort,
    private readonly memory: Held,
    private readonly drop: (file: OpenFile) => void,
  ) {}

  /** Files are on their way, which give back what they hold in memory. */
  get underWay(): boolean {
    return this.files > 0;
  }

  /** Whether files come to their turn soon. */
  get flows(): boolean {
    return this.files <= IN_LINE.files || this.bytes <= IN_LINE.bytes;
  }

  /** Publishes a file that grows no more, as soon as it is its turn; tells those who wait for it what became of it. */
  later(file: OpenFile, place: Place, reason: RotationReason): void {
    const { generation } = place;
    this.files++;
    this.bytes += file.bytes;
    this.effort.track(
      this.inTurn(() => this.publish(place, file, reason, generation))
        .catch((error: unknown) => file.failed(deliveryError(error)))
        .finally(() => {
          this.files--;
          this.bytes -= file.bytes;
          this.release(place, file);
        }),
    );
  }

  private async publish(place: Place, file: OpenFile, reason: RotationReason, generation: number): Promise<void> {
    const { origin, directory } = place;
    const { once, node } = this.options;
    const exact = origin !== undefined && once;
    const publication = publicationOf(place, file, digest(node));
    const publisher = place.lane.writer.publisher(publication, await file.content());
    const name = await this.effort.untilDone(async () => {
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
    lane.writer.lost();
    if (!this.options.once) return;
    for (const place of lane.places) {
      if (!place.origin) continue;
      place.generation++;
      place.ready = false;
      const { file } = place;
      if (!file) continue;
      this.drop(file);
      this.release(place, file);
      file.failed(new Fenced());
    }
  }

  private release(place: Place, file: OpenFile): void {
    this.memory.free(file.bytes, file.records);
    place.unpublished.delete(file);
  }
}
