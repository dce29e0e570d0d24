/** A source's side of the ledger: its emissions under way, their retries and dead letters, and its end. */
import { Breaker } from "./breaker";
import { Chain } from "./chain";
import type { DeliverySource, Emission, Message, Outage, SourceOptions } from "./contract";
import { Flight, type FlightOwner, type Finished } from "./flight";
import type { Ledger } from "./ledger";
import { nameOf } from "./timeouts";

/** What the runtime gives a source. */
export interface Surroundings {
  readonly ledger: Ledger;
  /** Hands a message to the flow. */
  send(message: Message): void;
  warn(text: string): void;
  /** Asks the holders of these flights' records to let go of them. */
  relieve(owns: (owner: unknown) => boolean): void;
  /** The source is closed and everything of it is finished or abandoned. */
  closed(source: Source): void;
  /** Whether a message that is sent would reach a node. */
  wired(): boolean;
}

export class Source implements DeliverySource, FlightOwner {
  readonly ledger: Ledger;
  readonly breaker: Breaker;
  running = false;
  closing = false;
  private unwired = false;
  /** When a close waits no more, by `performance.now()`. */
  private drainsUntil: number | undefined;
  private readonly flights = new Chain<Flight>();
  private ending: Promise<void> | undefined;
  private empty: (() => void) | undefined;
  private readonly said = new Map<string, number>();

  constructor(
    private readonly surroundings: Surroundings,
    readonly options: SourceOptions,
  ) {
    this.ledger = surroundings.ledger;
    this.breaker = new Breaker(options.breaker, (outage) => this.outage(outage));
  }

  get unfinished(): number {
    return this.flights.size;
  }

  get draining(): DeliverySource["draining"] {
    if (this.drainsUntil === undefined) return undefined;
    let records = 0;
    for (const { emission } of this.flights) records += emission.records;
    return { records, left: this.drainsUntil - performance.now() };
  }

  deliver(emission: Emission, finished: Finished): void {
    if (!this.running)
      throw new Error("flows are not running: deliver only between onFlows(true) and onFlows(false), and before close");
    const flight = new Flight(this, emission, finished);
    this.flights.add(flight);
    flight.send();
  }

  pressure(): void {
    this.surroundings.relieve((owner) => owner instanceof Flight && owner.isOf(this));
  }

  recall(which: (emission: Emission) => boolean, only?: "waiting"): void {
    for (const flight of this.flights)
      if (which(flight.emission) && !(only === "waiting" && flight.underWay)) flight.abandon();
  }

  close(drain: number): Promise<void> {
    this.ending ??= this.end(drain);
    return this.ending;
  }

  /** Flows start or stop. */
  flows(running: boolean): void {
    if (this.closing) return;
    const runs = running && this.mayRun();
    if (this.running === runs) return;
    this.running = runs;
    if (runs) for (const flight of this.flights) flight.resume();
    this.options.onFlows?.(runs);
  }

  private mayRun(): boolean {
    const { onUnwired } = this.options;
    if (onUnwired === undefined) return true;
    const unwired = !this.surroundings.wired();
    if (unwired !== this.unwired) {
      this.unwired = unwired;
      if (unwired)
        this.surroundings.warn(
          "its output is wired to no node that is enabled, so nothing is read: wire it and deploy",
        );
      onUnwired(unwired);
    }
    return !unwired;
  }

  send(message: Message): void {
    this.surroundings.send(message);
  }

  /** The same warning at most once a minute. */
  warn(text: string): void {
    const now = Date.now();
    if (now - (this.said.get(text) ?? 0) < 60_000) return;
    if (this.said.size > 100) this.said.clear();
    this.said.set(text, now);
    this.surroundings.warn(text);
  }

  landed(flight: Flight): void {
    this.flights.remove(flight);
    if (this.flights.size === 0) this.empty?.();
  }

  private outage(outage: Outage | undefined): void {
    if (outage !== undefined)
      this.warn(
        `no new records are sent while ${nameOf(outage.node)} can't reach its server (${outage.error.message}); one is sent now and then to try`,
      );
    this.options.onOutage?.(outage);
  }

  private async end(drain: number): Promise<void> {
    this.closing = true;
    this.running = false;
    for (const flight of this.flights) if (!flight.underWay) flight.abandon();
    if (this.flights.size > 0 && drain > 0) {
      this.pressure();
      this.drainsUntil = performance.now() + drain;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.empty = resolve;
        timer = setTimeout(resolve, drain);
      });
      clearTimeout(timer);
      this.drainsUntil = undefined;
    }
    for (const flight of this.flights) flight.abandon();
    this.breaker.close();
    this.surroundings.closed(this);
  }
}
