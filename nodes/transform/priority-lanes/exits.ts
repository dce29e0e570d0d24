/** What is to leave does so in the order in which its turn came, though the content of some has to be read first. */
import { asError } from "../../lib/errors";

interface Leaving<T> {
  readonly one: T;
  ready: boolean;
  error?: Error;
}

export class Exits<T> {
  private leaving: Leaving<T>[] = [];

  /**
   * @param isOpen false while nothing may leave: what is ready waits for `go`
   * @param leave told of each in order, with what went wrong when it could not be read
   */
  constructor(
    private readonly isOpen: () => boolean,
    private readonly leave: (one: T, error?: Error) => void,
  ) {}

  /** `whole`: when it can leave; at once when absent. */
  add(one: T, whole: Promise<void> | undefined): void {
    const entry: Leaving<T> = { one, ready: whole === undefined };
    this.leaving.push(entry);
    if (!whole) {
      this.go();
      return;
    }
    const ready = (): void => {
      entry.ready = true;
      this.go();
    };
    whole.then(ready, (error: unknown) => {
      entry.error = asError(error);
      ready();
    });
  }

  go(): void {
    while (this.leaving[0]?.ready && this.isOpen()) {
      const first = this.leaving.shift() as Leaving<T>;
      this.leave(first.one, first.error);
    }
  }
}
