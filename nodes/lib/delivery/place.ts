/** A node instance in which deliveries are: what is on its way to it, what it holds, and how it shows that it is done. */
import { COMING, GONE, isUndoable, RECEIVED, RETAINED, type Delivered, type Token, type Whereabouts } from "./token";
import { Line } from "./line";
import type { RedMessage, RedNode } from "./red";

/** A node that never completes what it has would be remembered for it without end. */
const MOST_OUTLIVED = 10_000;

/**
 * How a node shows that it has finished with a message: `done` by calling done, `return` when its handler returns
 * (filter, subflow), `send` by its next send (switch), `sync` by sending before its handler returns, otherwise not at
 * all: then after a grace time, unverified.
 */
export type Completion = "done" | "return" | "send" | "sync";

/** Handlers with fewer than three arguments can't call done. A handler without any may use `arguments`. */
const callsDone = (node: RedNode): boolean =>
  node._inputCallback
    ? node._inputCallback.length >= 3
    : (node._inputCallbacks ?? []).some((each) => each.length === 3);

const completionOf = (node: RedNode): Completion => {
  if (callsDone(node)) return "done";
  if (node.type === "switch") return "send";
  const subflow = node.type.startsWith("subflow:") || node._flow?.node === node;
  return node.type === "rbe" || subflow ? "return" : "sync";
};

/** How long the node keeps a message because the user said so, in ms: a delay's time, a join's time-out. */
const restOf = (node: RedNode): number => {
  const settings =
    node.type === "delay"
      ? [node.pauseType === "random" ? node.randomLast : node.timeout]
      : node.type === "join"
        ? [node.timer]
        : [];
  const longest = Math.max(0, ...settings.map(Number));
  return Number.isFinite(longest) ? longest : 0;
};

export class Place implements Whereabouts {
  readonly held = new Line();
  private readonly transit = new Line();
  /** What is left to do for records whose messages are completed. */
  private readonly retained = new Line();
  /** The delivery received last: the one that a message without token most likely comes from. */
  last: Delivered | undefined;
  /** Changes with `held`. */
  version = 0;
  /** What a message from all that is held travels under. */
  wide: { readonly token: Token; readonly version: number } | undefined;
  /** When the node last completed a delivery, by the ledger's clock. */
  completed = 0;
  closed = false;
  /** The node has listened to its input. */
  private heard = false;
  /** Messages that the node still has of tries that were ended, with their ids; only of tries that can be undone. */
  readonly outlives = new Map<object, string>();
  unverified = false;
  /** What leaves the instance as Node-RED made it. */
  readonly undo: (() => void)[] = [];
  readonly completion: Completion;
  /** Extra time that a delivery may rest here, in ms. */
  readonly rest: number;
  /** Our own nodes complete honestly while they close. */
  readonly trusted: boolean;
  /** The sequence that a switch has begun to send. */
  leaving: unknown;
  /** A switch that keeps sequences until they are whole. */
  readonly sequences: boolean;

  constructor(readonly node: RedNode) {
    this.completion = completionOf(node);
    this.rest = restOf(node);
    this.trusted = node.type.startsWith("citystream-");
    const settings = node._flow?.flow?.nodes?.[node.id];
    this.sequences = Boolean(settings?.repair) || (node.rules ?? []).some((rule) => rule.t === "tail");
  }

  /** True when nothing would ever receive: the node refused its settings and listens to no input. */
  get deaf(): boolean {
    if (this.heard) return false;
    this.heard = Boolean(this.node._inputCallback ?? this.node._inputCallbacks);
    return !this.heard;
  }

  expect(delivered: Delivered): void {
    this.transit.push(delivered);
  }

  /** The delivery under way with which this very message object comes; undefined when it was handed over directly. */
  arrive(message: object): Delivered | undefined {
    let delivered = this.transit.first;
    while (delivered !== undefined && delivered.message !== message) delivered = delivered.behind;
    if (delivered !== undefined) this.transit.remove(delivered);
    return delivered;
  }

  receive(delivered: Delivered): void {
    delivered.phase = RECEIVED;
    this.held.push(delivered);
    this.last = delivered;
    this.version += 1;
  }

  retain(delivered: Delivered): void {
    delivered.phase = RETAINED;
    this.retained.push(delivered);
  }

  /** Takes a delivery out of what is held, retained or under way. Twice is once. */
  forget(delivered: Delivered, ended?: true): void {
    const { phase } = delivered;
    if (phase === GONE) return;
    delivered.phase = GONE;
    if (phase === COMING) {
      this.transit.remove(delivered);
      return;
    }
    if (phase === RETAINED) {
      this.retained.remove(delivered);
      return;
    }
    if (ended) this.outlived(delivered.message, delivered.token.id);
    this.held.remove(delivered);
    if (this.last === delivered) this.last = undefined;
    this.version += 1;
  }

  /** The node has a message of a try that has ended: what the node makes of it later must be known as that. */
  outlived(message: object, id: unknown): void {
    if (!isUndoable(id)) return;
    if (this.outlives.size >= MOST_OUTLIVED) this.outlives.clear();
    this.outlives.set(message, id);
  }

  /** The ended try that a message without token may come from, when the node has messages of such. */
  endedOf(message: RedMessage): string | undefined {
    if (this.outlives.size === 0) return undefined;
    let any: string | undefined;
    for (const [of, id] of this.outlives) {
      if (message._msgid !== undefined && (of as RedMessage)._msgid === message._msgid) return id;
      any = id;
    }
    return this.held.size === 0 ? any : undefined;
  }

  /** Everything on its way to the node and in it, oldest first. */
  all(): Delivered[] {
    return [...this.held, ...this.transit];
  }

  /** What may be held on purpose. */
  *resting(): Generator<Delivered> {
    yield* this.retained;
    yield* this.held;
  }

  /** Whatever records wait for here. */
  everything(): Delivered[] {
    return [...this.retained, ...this.all()];
  }
}

/** On a node instance: its place, while hooks are installed. */
export const PLACE = Symbol.for("citystream.delivery.place");
export type Placed = RedNode & { [PLACE]?: Place };

/**
 * The place of a node as it was last found. Messages come to a node in runs, since a turn of the event loop hands over
 * what the last one sent, and to compare a node is cheaper than to look a property up in nodes of many shapes.
 */
export class Near {
  private node: RedNode | undefined;
  private place: Place | undefined;

  of(node: RedNode): Place | undefined {
    if (node === this.node) return this.place;
    const place = (node as Placed)[PLACE];
    if (place !== undefined) {
      this.node = node;
      this.place = place;
    }
    return place;
  }

  forget(): void {
    this.node = this.place = undefined;
  }
}
