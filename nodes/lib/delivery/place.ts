/** A node instance in which deliveries are: what is on its way to it, what it holds, and how it shows that it is done. */
import type { Delivered, Token, Whereabouts } from "./token";
import type { RedNode } from "./red";

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
  readonly held = new Map<object, Delivered>();
  private transit: Delivered[] = [];
  private passed = 0;
  /** The delivery received last: the one that a message without token most likely comes from. */
  last: Delivered | undefined;
  /** Changes with `held`. */
  version = 0;
  /** What a message from all that is held travels under. */
  wide: { readonly token: Token; readonly version: number } | undefined;
  /** When the node last completed a delivery, by the ledger's clock. */
  completed = 0;
  closed = false;
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
    return !this.node._inputCallback && !this.node._inputCallbacks;
  }

  expect(delivered: Delivered): void {
    this.transit.push(delivered);
  }

  /** The delivery under way with which this very message object comes; undefined when it was handed over directly. */
  arrive(message: object): Delivered | undefined {
    const { transit } = this;
    for (let index = this.passed; index < transit.length; index += 1) {
      const delivered = transit[index];
      if (delivered === undefined || delivered.message !== message || delivered.over) continue;
      if (index === this.passed) this.passed += 1;
      else transit.splice(index, 1);
      if (this.passed === transit.length) {
        transit.length = 0;
        this.passed = 0;
      } else if (this.passed > 1024 && this.passed * 2 > transit.length) {
        this.transit = transit.slice(this.passed);
        this.passed = 0;
      }
      return delivered;
    }
    return undefined;
  }

  receive(delivered: Delivered): void {
    delivered.received = true;
    const twin = this.held.get(delivered.message);
    if (twin !== undefined) delivered.twin = twin;
    this.held.set(delivered.message, delivered);
    this.last = delivered;
    this.version += 1;
  }

  /** Takes a delivery out of what is held. */
  remove(delivered: Delivered): void {
    const { held } = this;
    const top = held.get(delivered.message);
    if (top === delivered) {
      if (delivered.twin === undefined) held.delete(delivered.message);
      else held.set(delivered.message, delivered.twin);
    } else {
      let above = top;
      while (above !== undefined && above.twin !== delivered) above = above.twin;
      if (above === undefined) return;
      above.twin = delivered.twin;
    }
    delivered.twin = undefined;
    if (this.last === delivered) this.last = undefined;
    this.version += 1;
  }

  forget(delivered: Delivered): void {
    if (delivered.received) this.remove(delivered);
    else {
      const index = this.transit.indexOf(delivered, this.passed);
      if (index >= 0) this.transit.splice(index, 1);
    }
  }

  /** Everything on its way to the node and in it, oldest first. */
  all(): Delivered[] {
    const all: Delivered[] = [];
    for (let one of this.held.values()) {
      all.push(one);
      while (one.twin !== undefined) {
        one = one.twin;
        all.push(one);
      }
    }
    return [...all, ...this.transit.slice(this.passed).filter((delivered) => !delivered.over)];
  }
}
