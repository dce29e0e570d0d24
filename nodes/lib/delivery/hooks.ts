/** The ledger of one Node-RED process: joins registry, tracking, deploys and time-outs, and is what nodes see. */
import {
  TOKEN,
  type Delivery,
  type DeliveryReport,
  type DeliverySource,
  type Emission,
  type Gate,
  type GateOptions,
  type Hold,
  type Message,
  type NodeRef,
  type Retained,
  type SourceOptions,
} from "./contract";
import { messageOf } from "../errors";
import { Deploy } from "./deploy";
import { Passage } from "./gate";
import { LABEL, watchMessages } from "./entrances";
import { Ledger } from "./ledger";
import { emissionsOf, ENDED, type Token } from "./token";
import type { Red, RedNode } from "./red";
import { retain } from "./retained";
import { Source } from "./source";
import { endStranded, Graces, nameOf, SWEEP_INTERVAL, sweep } from "./timeouts";
import { CLOSED, Tracking } from "./tracking";

export class Hooks implements Delivery {
  private readonly ledger = new Ledger();
  private readonly graces = new Graces();
  private readonly tracking: Tracking;
  private readonly deploy: Deploy;
  private readonly sources = new Set<Source>();
  private readonly gates = new Set<Passage>();
  private readonly lateSends = new Map<string, { node: NodeRef; count: number }>();
  private readonly unverified = new Map<string, NodeRef>();
  private running = false;
  private watching = false;
  private installed = false;
  private unwatch: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ticked = 0;

  constructor(private readonly red: Red) {
    this.tracking = new Tracking(this.ledger, {
      late: (node) => this.late(node),
      grace: (delivered, place) =>
        this.graces.add(delivered, this.ledger.now, () => this.tracking.complete(place, delivered)),
      unverified: ({ node }) => this.believe(node),
    });
    this.deploy = new Deploy(this.tracking);
    red.events.on("flows:stopping", () => this.stopping());
    red.events.on("flows:stopped", () => this.deploy.stopped());
    red.events.on("flows:started", () => this.started());
  }

  source(node: NodeRef & { send(message: unknown): void }, options: SourceOptions): DeliverySource {
    this.install();
    const source = new Source(
      {
        ledger: this.ledger,
        send: (message) => node.send(message),
        warn: (text) => this.red.log.warn(`[${nameOf(node)}] ${text}`),
        relieve: (owns) => this.relieve(owns),
        closed: (one) => this.sources.delete(one),
        wired: () => isWired(node as unknown as RedNode),
      },
      options,
    );
    this.sources.add(source);
    if (this.running) source.flows(true);
    return source;
  }

  gate(node: NodeRef & { send(message: unknown): void }, options: GateOptions): Gate {
    this.install();
    const gate = new Passage(
      {
        ledger: this.ledger,
        send: (message) => node.send(message),
        relieve: (owns) => this.relieve(owns),
        closed: (one) => this.gates.delete(one),
      },
      options,
    );
    this.gates.add(gate);
    if (this.running) gate.flows(true);
    return gate;
  }

  tokenFor(inputs: readonly Message[]): string | undefined {
    const tokens = new Set<Token>();
    let ended: string | undefined;
    for (const input of inputs) {
      const id = input[TOKEN];
      const token = this.ledger.find(id);
      if (token !== undefined) tokens.add(token);
      else if (this.ledger.isEnded(id)) ended = id;
    }
    if (ended !== undefined) {
      // What an ended try has part in is not stored: so the others have no result either.
      for (const token of tokens) this.ledger.fail(token, ENDED);
      return ended;
    }
    if (tokens.size === 0) return undefined;
    if (tokens.size > 1) return this.ledger.composite(tokens).id;
    const [token] = tokens;
    return token?.id;
  }

  emissionsOf(message: Message): readonly Emission[] | "ended" {
    const id = message[TOKEN];
    const token = this.ledger.find(id);
    if (token === undefined) return this.ledger.isEnded(id) ? "ended" : [];
    return emissionsOf(token);
  }

  hold(node: NodeRef, message: Message, hold: Hold): () => void {
    const token = this.ledger.find(message[TOKEN]);
    for (let one = token?.first; one !== undefined; one = one.next) {
      if (one.message !== message || one.place.node.id !== node.id) continue;
      return this.ledger.hold(one, hold);
    }
    return () => undefined;
  }

  retain(node: NodeRef, message: Message, hold: Hold): Retained | undefined {
    const token = this.ledger.find(message[TOKEN]);
    if (token === undefined) return undefined;
    const place = this.tracking.knownPlace(node as RedNode);
    if (place !== undefined && this.tracking.places.has(place)) {
      // It answers for the record itself: what it sends in the same turn need not have the record in it.
      const delivered = place.held.get(message);
      if (delivered !== undefined) delivered.forwarded = true;
      return retain(this.ledger, token, place, hold);
    }
    // The node was closed, and nobody would tell the record.
    this.ledger.fail(token, { ...CLOSED, node });
    return undefined;
  }

  report(): DeliveryReport {
    return {
      tokens: this.ledger.tokens.size,
      lateSends: [...this.lateSends.values()].map(({ node, count }) => ({ node, count })),
      unverified: [...this.unverified.values()],
    };
  }

  private install(): void {
    if (this.installed) return;
    this.installed = true;
    const { settings, log } = this.red;
    this.unwatch = watchMessages(this.red.hooks, this.tracking);
    if (!this.running) this.watch();
    this.ticked = performance.now();
    this.timer = setInterval(() => this.tick(), SWEEP_INTERVAL);
    this.timer.unref();
    if (settings.runtimeSyncDelivery)
      log.warn(
        "citystream: runtimeSyncDelivery is set in settings.js: what join and batch nodes put together can't be followed, " +
          "so records in them may be acknowledged too early. Remove the setting.",
      );
  }

  private uninstall(): void {
    if (!this.installed) return;
    this.installed = false;
    clearInterval(this.timer);
    this.unwatch?.();
    if (this.watching) this.red.hooks.remove(`onSend.${LABEL}`);
    this.watching = false;
    this.graces.clear();
    this.tracking.forgetPlaces();
  }

  /** Watches for missing destinations: costs a hook for every send, so only while flows are not started. */
  private watch(): void {
    if (this.watching || !this.installed) return;
    this.watching = true;
    this.red.hooks.add(`onSend.${LABEL}`, this.deploy.onSend);
  }

  private stopping(): void {
    this.running = false;
    this.watch();
    this.deploy.stopping();
    for (const source of this.sources) source.flows(false);
    for (const gate of this.gates) gate.flows(false);
  }

  private started(): void {
    this.running = true;
    if (this.watching) this.red.hooks.remove(`onSend.${LABEL}`);
    this.watching = false;
    if (this.sources.size === 0 && this.gates.size === 0) this.uninstall();
    for (const source of this.sources) source.flows(true);
    for (const gate of this.gates) gate.flows(true);
  }

  private tick(): void {
    const now = performance.now();
    // The ledger's clock is never ahead of what nodes had a chance to do: it stands while the event loop does.
    this.ledger.now += Math.round(Math.min(now - this.ticked, 2 * SWEEP_INTERVAL));
    this.ticked = now;
    this.graces.sweep(this.ledger.now);
    endStranded(this.ledger);
    let shortest = Infinity;
    for (const { options } of this.sources) shortest = Math.min(shortest, options.timeout);
    for (const { options } of this.gates) shortest = Math.min(shortest, options.timeout);
    sweep(this.ledger, shortest);
  }

  private relieve(owns: (owner: unknown) => boolean): void {
    // One call a node: thousands of holds of one sink usually bring a function each that does the same.
    const ours = (token: Token): boolean =>
      (token.owner !== undefined && owns(token.owner)) ||
      (token.children !== undefined && [...token.children].some((child) => ours(child)));
    for (const place of this.tracking.places)
      for (const { hold, token } of place.resting()) {
        if (hold?.relieve === undefined || !ours(token)) continue;
        try {
          hold.relieve();
        } catch (error) {
          this.red.log.warn(`[${nameOf(place.node)}] could not let go of what it holds: ${messageOf(error)}`);
        }
        break;
      }
  }

  private late(node: NodeRef): void {
    const known = this.lateSends.get(node.id);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    this.lateSends.set(node.id, { node: refOf(node), count: 1 });
    this.red.log.warn(
      `[${nameOf(node)}] sent something of a record that was finished before: what is late is not covered by the delivery guarantee`,
    );
  }

  private believe(node: NodeRef): void {
    if (this.unverified.has(node.id)) return;
    this.unverified.set(node.id, refOf(node));
    this.red.log.warn(
      `[${nameOf(node)}] can't show when it has finished with a message: records are taken as done one second after it got them`,
    );
  }
}

/** Whether anything would get what the node sends from its first output. Asked when all nodes have been made. */
const isWired = ({ wires, _flow }: RedNode): boolean =>
  wires?.[0]?.some((id) => _flow === undefined || Boolean(_flow.getNode(id))) ?? false;

const refOf = ({ id, type, name }: NodeRef): NodeRef => (name === undefined ? { id, type } : { id, type, name });
