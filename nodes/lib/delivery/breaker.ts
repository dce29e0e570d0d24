/**
 * A source's circuit breaker. A server that a flow's node can't reach fails every record that comes: after some failures
 * in a row the source sends nothing more, and after a pause it tries with one record. What waits is neither lost nor
 * counted as tried.
 *
 * It can't lock a flow up: a shut breaker opens by time alone, and a probe that neither ends nor fails (a join below
 * waits for more records) opens it as well.
 */
import type { BreakerPolicy, NodeRef, Outage } from "./contract";

/** What waits at the breaker. */
export interface Passenger {
  /** The node whose server was away when it was last tried. */
  readonly stoppedBy: string | undefined;
  /** It may go now. */
  admitted(): void;
}

/** The longest wait for a probe's answer before others are let through as well, in ms. */
const PATIENCE = 5_000;
/** Sent in one turn of the event loop when the way is free again. */
const A_TURN = 64;

export class Breaker {
  private readonly queue = new Set<Passenger>();
  private readonly counts = new Map<string, number>();
  private outage: Outage | undefined;
  private probing = false;
  private probe: Passenger | undefined;
  private timer: NodeJS.Timeout | undefined;
  private releasing: NodeJS.Immediate | undefined;

  constructor(
    private readonly policy: BreakerPolicy | undefined,
    private readonly changed: (outage: Outage | undefined) => void,
  ) {}

  /** False most of the time: then everything passes and nothing need be told but failures. */
  get busy(): boolean {
    return this.outage !== undefined || this.queue.size > 0 || this.counts.size > 0;
  }

  /** Whether a passenger may go. One that may not is told when it may. */
  admits(passenger: Passenger): boolean {
    if (this.probe === passenger) return true;
    if (this.probing && this.probe === undefined) {
      this.test(passenger);
      return true;
    }
    if (this.outage === undefined && this.queue.size === 0) return true;
    this.queue.add(passenger);
    return false;
  }

  /** A passenger failed because the server of `node` is out of reach. */
  failed(passenger: Passenger, node: NodeRef, error: Error): void {
    if (this.policy === undefined || this.policy.failures === 0) return;
    if (this.probe === passenger) this.shut(node, error);
    else if (this.outage === undefined) {
      const count = (this.counts.get(node.id) ?? 0) + 1;
      this.counts.set(node.id, count);
      if (count >= this.policy.failures) this.shut(node, error);
    }
  }

  /** A passenger ended, or rests in nodes that hold it on purpose: what it was sent to try works, or is not what failed. */
  ended(passenger: Passenger, delivered: boolean): void {
    this.queue.delete(passenger);
    if (this.probe === passenger) this.free(true);
    else if (delivered && this.outage === undefined) this.counts.clear();
  }

  /** A passenger's source has taken it back: what it was sent to try is still unknown, so another is sent. */
  left(passenger: Passenger): void {
    this.queue.delete(passenger);
    if (this.probe !== passenger) return;
    clearTimeout(this.timer);
    this.probe = undefined;
    this.half();
  }

  close(): void {
    clearTimeout(this.timer);
    clearImmediate(this.releasing);
    this.queue.clear();
    if (this.outage !== undefined) this.changed(undefined);
    this.outage = undefined;
  }

  private shut(node: NodeRef, error: Error): void {
    const pause = this.policy?.pause ?? 0;
    this.outage = { node, error, next: Date.now() + pause };
    this.probing = false;
    this.probe = undefined;
    clearTimeout(this.timer);
    clearImmediate(this.releasing);
    this.releasing = undefined;
    this.timer = setTimeout(() => this.half(), pause);
    this.changed(this.outage);
  }

  /** Lets one through: by choice one that failed there. */
  private half(): void {
    this.probing = true;
    const { queue, outage } = this;
    let chosen: Passenger | undefined;
    for (const passenger of queue) {
      chosen ??= passenger;
      if (passenger.stoppedBy !== outage?.node.id) continue;
      chosen = passenger;
      break;
    }
    if (chosen === undefined) return;
    queue.delete(chosen);
    this.test(chosen);
    chosen.admitted();
  }

  private test(passenger: Passenger): void {
    this.probe = passenger;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.free(false), Math.min(PATIENCE, Math.max(100, this.policy?.pause ?? 0)));
  }

  private free(proven: boolean): void {
    clearTimeout(this.timer);
    const { outage } = this;
    this.counts.clear();
    // Silence proves little: the next failure there shuts it again.
    if (!proven && outage !== undefined && this.policy !== undefined)
      this.counts.set(outage.node.id, this.policy.failures - 1);
    this.outage = undefined;
    this.probing = false;
    this.probe = undefined;
    this.changed(undefined);
    this.release();
  }

  private release(): void {
    this.releasing = undefined;
    let sent = 0;
    for (const passenger of this.queue) {
      if (this.outage !== undefined) return;
      if (++sent > A_TURN) {
        this.releasing = setImmediate(() => this.release());
        return;
      }
      this.queue.delete(passenger);
      passenger.admitted();
    }
  }
}
