/** State that lives as long as its node. */
import type { Message } from "../delivery/contract";
import type { StreamRecord } from "../stream/record";
import type { Advance, KeyedState } from "./port";

export class InMemoryState<S, R> implements KeyedState<R> {
  readonly ready = undefined;
  private readonly states = new Map<string, S>();

  /** @param most keys; the least recently used makes room */
  constructor(
    private readonly advance: Advance<S, R>,
    private readonly most: number,
  ) {}

  get keys(): number {
    return this.states.size;
  }

  take(key: string, record: StreamRecord): R | undefined {
    const { states } = this;
    const { state, result } = this.advance(states.get(key), record);
    states.delete(key);
    states.set(key, state);
    if (states.size > this.most) states.delete(states.keys().next().value as string);
    return result;
  }

  kept(_message: Message): undefined {
    return undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
