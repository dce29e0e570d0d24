/** Stores positions now and then, never two at a time. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../errors";
import { savePositions, type Positions } from "./positions";

/** How often positions are stored at most, in ms. */
const INTERVAL = 500;

export class PositionWriter {
  #saving: Promise<void> | undefined;
  #dirty = false;

  constructor(
    private readonly file: string,
    private readonly positions: () => Positions<unknown>,
    private readonly warn: (text: string) => void,
    /** Once aborted, nothing is waited for. */
    private readonly signal: AbortSignal,
  ) {}

  /** The positions have moved: they will be stored soon. */
  moved(): void {
    this.#dirty = true;
    this.#saving ??= sleep(INTERVAL, undefined, { signal: this.signal })
      .catch(() => undefined)
      .then(() => this.#save())
      .finally(() => {
        this.#saving = undefined;
        if (this.#dirty && !this.signal.aborted) this.moved();
      });
  }

  /** Stores what has moved. */
  async close(): Promise<void> {
    await this.#saving?.catch(() => undefined);
    await this.#save();
  }

  async #save(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    try {
      await savePositions(this.file, this.positions());
    } catch (error) {
      this.#dirty = true;
      this.warn(`positions cannot be stored in ${this.file}: ${messageOf(error)}`);
    }
  }
}
