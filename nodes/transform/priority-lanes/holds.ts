import type { Hold, Message } from "../../lib/delivery/contract";
import type { Input } from "./inputs";

/** What waits here is held: at this node's cost while there is room, and beyond that at its source's, whose span then fills. */
export class InputHolds {
  /** Those that count against their source's span. */
  private counting: Input[] = [];

  constructor(
    private readonly hold: (message: Message, hold: Hold) => () => void,
    private readonly full: () => boolean,
  ) {}

  /** @param counts against its source's span */
  add(input: Input, counts: boolean): void {
    this.take(input, counts);
    if (counts) this.counting.push(input);
  }

  /** Some have gone: as long as there is room, others no longer count. */
  recount(): void {
    if (this.counting.length === 0) return;
    this.counting = this.counting.filter(({ waiting }) => waiting > 0);
    while (this.counting.length > 0 && !this.full()) {
      const input = this.counting.shift();
      if (input) this.take(input, false);
    }
  }

  private take(input: Input, counts: boolean): void {
    const records = input.batch ?? 1;
    input.endHold = this.hold(input.message, { records, bytes: input.bytes, ...(counts && { counts }) });
  }
}
