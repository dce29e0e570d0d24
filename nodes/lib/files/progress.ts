/** How far one file is read, and how far what was read is finished. */
import { LowWaterMark, type SpanLimit } from "../delivery/low-water-mark";
import { Deque } from "../mqtt/deque";
import type { Beginning, Position } from "./positions";
import type { Row } from "./rows";

/** Some rows of one file under way. */
export interface UnderWay {
  /** True when the stored position moved. */
  finished(): boolean;
  held(held: boolean): void;
}

export class Progress {
  /** Where reading goes on. */
  offset: number;
  line: number;
  /** Size of the file when it was last seen. */
  size = 0;
  /** A gzip file that was read to its end. */
  complete = false;
  #position: Position;
  #mark: LowWaterMark;
  readonly #lines = new Deque<{ readonly next: number; readonly line: number }>();

  constructor(
    readonly file: string,
    private readonly limit: SpanLimit,
    start: Position,
  ) {
    this.#position = start;
    this.offset = start.offset;
    this.line = start.line;
    this.#mark = new LowWaterMark(limit);
  }

  /** What a restart would begin with. */
  get position(): Position {
    return this.#position;
  }

  get paused(): boolean {
    return this.#mark.paused;
  }

  get unfinished(): number {
    return this.#mark.unfinished;
  }

  seen(beginning: Beginning, size: number): void {
    this.size = size;
    if (beginning.length > this.#position.beginning.length) this.#position = { ...this.#position, beginning };
  }

  /** Begins anew: rows of before no longer move the position. */
  restart(beginning: Beginning): void {
    this.offset = 0;
    this.line = 1;
    this.complete = false;
    this.#mark = new LowWaterMark(this.limit);
    this.#lines.clear();
    this.#position = { offset: 0, line: 1, beginning };
  }

  /** The rows, in their order, go into the flow. */
  send(rows: readonly Row[]): UnderWay {
    const [first] = rows;
    const last = rows.at(-1);
    if (!first || !last) throw new RangeError("no rows");
    this.offset = last.next;
    this.line = last.nextLine;
    const bytes = rows.reduce((sum, row) => sum + row.bytes.length, 0);
    const mark = this.#mark;
    const positions = mark.delivered(first.offset, last.next, rows.length, bytes);
    this.#lines.push({ next: last.next, line: last.nextLine });
    return {
      finished: () => mark.finished(positions) && mark === this.#mark && this.#advance(),
      held: (held) => mark.held(positions, held),
    };
  }

  #advance(): boolean {
    const offset = this.#mark.mark ?? 0;
    let { line } = this.#position;
    for (let next = this.#lines.peek(); next && next.next <= offset; next = this.#lines.peek()) {
      line = next.line;
      this.#lines.shift();
    }
    this.#position = { ...this.#position, offset, line };
    return true;
  }
}
