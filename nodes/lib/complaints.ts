/** What one record after the other fails with: said of the first, then counted, so that a storm of them leaves a log that can be read. */
import { messageOf } from "./errors";

export class Complaints {
  private timer: NodeJS.Timeout | undefined;
  private said = 0;
  private unsaid = 0;
  private last: unknown;

  /**
   * @param say told how many more there were, and of the last
   * @param most that are said each by itself
   * @param pause in ms: so long until those of that time are counted, and until a quiet time begins anew
   */
  constructor(
    private readonly say: (text: string) => void,
    private readonly most = 5,
    private readonly pause = 10_000,
  ) {}

  /** Whether this one is to be said by itself. */
  heed(error: unknown): boolean {
    this.timer ??= setInterval(() => this.tell(), this.pause).unref();
    if (this.said < this.most) {
      this.said++;
      return true;
    }
    this.unsaid++;
    this.last = error;
    return false;
  }

  /** Says what it has not said yet. */
  close(): void {
    this.tell();
    this.rest();
  }

  private tell(): void {
    if (this.unsaid === 0) return this.rest();
    const last = messageOf(this.last);
    this.say(
      this.unsaid === 1
        ? `one more record failed: ${last}`
        : `${this.unsaid} more records failed within ${this.pause / 1000} s, the last with: ${last}`,
    );
    this.unsaid = 0;
    this.last = undefined;
  }

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.said = 0;
  }
}
