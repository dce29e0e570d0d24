/**
 * What happens while flows are stopped, changed and started (rule 8). Nodes are closed together and call done for what
 * they held, and messages to nodes that are not built yet are dropped without a word.
 */
import type { SendEvent } from "./red";
import type { Tracking } from "./tracking";

export class Deploy {
  constructor(private readonly tracking: Tracking) {}

  /**
   * `flows:stopping`. All nodes are closed in the turn that follows, so which of them close is known in a microtask;
   * until then completions wait.
   */
  stopping(): void {
    if (this.tracking.deferred !== undefined) return;
    this.tracking.deferred = [];
    queueMicrotask(() => this.sort());
  }

  /** `flows:stopped`: nothing can come any more of what the closed nodes held. */
  stopped(): void {
    this.sort();
    const { tracking } = this;
    for (const place of tracking.closed) {
      tracking.loseAll(place);
      tracking.places.delete(place);
    }
    tracking.closed.clear();
  }

  /** While flows are not started: what is sent to a node that does not exist would vanish, so its token fails. */
  readonly onSend = (events: readonly SendEvent[]): void => {
    for (const { msg, source, destination } of events) {
      const { node } = source;
      if (node._flow !== undefined && !node._flow.getNode(destination.id)) this.tracking.miss(node, msg);
    }
  };

  private sort(): void {
    const { tracking } = this;
    const deferred = tracking.deferred ?? [];
    tracking.deferred = undefined;
    for (const { delivered, place } of deferred) {
      if (place.closed) tracking.lose(place, delivered);
      else tracking.complete(place, delivered);
    }
    // Our own nodes go on working until their close is over, and complete only what they have made durable.
    for (const place of tracking.closed) if (!place.trusted) tracking.loseAll(place);
  }
}
