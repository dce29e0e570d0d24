/** What a state retains of messages until its checkpoints, as promises. */
import type { Hold, Message, Retained } from "../../../nodes/lib/delivery/contract";

export class Retaining {
  /** Of what is retained at present. */
  readonly holds: Hold[] = [];
  private readonly of = new Map<Message, Promise<void>[]>();

  readonly retain = (message: Message, hold: Hold): Retained => {
    this.holds.push(hold);
    let end!: (error?: Error) => void;
    const finished = new Promise<void>((resolve, reject) => {
      end = (error) => {
        this.holds.splice(this.holds.indexOf(hold), 1);
        if (error) reject(error);
        else resolve();
      };
    });
    // Of some of them no test asks what became.
    finished.catch(() => undefined);
    this.of.set(message, [...(this.of.get(message) ?? []), finished]);
    return { release: () => end(), fail: (error) => end(error) };
  };

  /** Resolves when nothing of the message is retained any more; undefined: nothing has been. @throws what it failed with */
  finished(message: Message): Promise<unknown> | undefined {
    const all = this.of.get(message);
    return all && Promise.all(all);
  }
}
