/**
 * What sources, holders and sinks may ask of the delivery ledger, and what it promises them.
 *
 * The promise: a record is finished at its source only when every branch of the flow below it has finished
 * (see docs/delivery.md). Nodes meet the ledger only through these interfaces.
 */

/** A Node-RED message as it travels on a wire. */
export interface Message {
  _msgid?: string;
  topic?: unknown;
  payload?: unknown;
  [property: string]: unknown;
}

/** The message property that carries the delivery token; it survives cloning, spreading and JSON. */
export const TOKEN = "_delivery";

/** Names a node for people: in errors, time-outs and dead letters. */
export interface NodeRef {
  readonly id: string;
  readonly type: string;
  readonly name?: string;
}

/** Why a token failed. */
export interface Failure {
  readonly error: Error;
  /** The node where it failed, or the node that held it when it timed out; absent when no node was reached. */
  readonly node?: NodeRef;
  /** For a message that carried a batch: the elements that failed. Absent means all of them. */
  readonly elements?: readonly FailedElement[];
}

export interface FailedElement {
  /**
   * Position in the `payload` array: in an error thrown by a node, of the message that it received; in a `Failure`, of
   * the message that the source sent. The ledger translates by the elements' `source` coordinates.
   */
  readonly index: number;
  readonly error: Error;
}

/** The time in which a process has a partition of a log without a break. */
export interface Tenure {
  readonly topic: string;
  readonly partition: number;
  /** The partition was taken away, or its source closed: what was fetched under it comes again to whoever has it now. */
  readonly over: boolean;
  /**
   * Asks whoever shares partitions out. True: at some time since the question nobody else had it. False: it is over.
   * While there is no answer it asks again.
   */
  confirm(): Promise<boolean>;
}

/** One message that a source hands to the flow, and how to make it again. */
export interface Emission {
  /**
   * Makes the message to send. Called once for the first try and again for each retry: then with the indexes of the
   * elements to send again, when a node named them, otherwise without an argument.
   */
  message(elements?: readonly number[]): Message;
  /** For sources that decode: the bytes of the records of `message(elements)`, for their dead letters. */
  originals?(elements?: readonly number[]): readonly OriginalBytes[];
  /** Number of source records in the message (1, or the batch length). */
  readonly records: number;
  /** Size of those records at the source, in bytes. */
  readonly bytes: number;
  /** Never sent again: whatever fails it, time-out and deploy included, makes it a dead letter. */
  readonly once?: boolean;
  /**
   * For sources that number their records: the lowest number, in the log or file that the emission comes from, that would
   * come again after a restart; undefined while that is not known.
   */
  readonly resumesAt?: number | undefined;
  /**
   * For sources that share partitions with other processes: the one under which it was fetched. Once that is over, a try
   * that fails is the last one here: the emission ends as `abandoned`.
   */
  readonly tenure?: Tenure | undefined;
  /** Tries that have failed before this emission was made of the same records. */
  readonly tries?: number;
  /**
   * For sources that can undo what a try has done, by a transaction: told of each failed try before the ledger sends it
   * again or writes dead letters. True: the emission ends here as `abandoned`, and the source sees to its records. False:
   * the ledger goes on as usual. What branches of an ended try of such an emission still send is known as that: see
   * `emissionsOf`.
   */
  undo?(failed: FailedTry): boolean;
}

/** A record's bytes as they were at its source. */
export interface OriginalBytes {
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
}

/** A try that failed. */
export interface FailedTry {
  readonly failure: Failure;
  /** Tries so far, this one included unless only a server out of reach or a deploy was the cause. */
  readonly tries: number;
  /** What has failed for good: everything, or the elements, by their position in what the source sent; often none. */
  readonly dead: "all" | readonly FailedElement[];
}

/**
 * How an emission ended. `delivered`: every branch finished. `dead-lettered`: it failed for good and the dead letter
 * is durable. In both cases the source may acknowledge. `abandoned`: the source closed, or flows stopped, before it
 * was finished: the source must not acknowledge, so that the record comes again.
 */
export type Verdict = "delivered" | "dead-lettered" | "abandoned";

/** Exponential back-off with full jitter. */
export interface RetryPolicy {
  /** Tries in all, the first included; at least 1. */
  readonly attempts: number;
  /** Delay before the second try, in ms. */
  readonly initialDelay: number;
  /** Longest delay between tries, in ms. */
  readonly maxDelay: number;
}

/** When a source stops sending because a server below it is out of reach. */
export interface BreakerPolicy {
  /** Failures in a row, with nothing delivered between, after which the source pauses; 0 switches it off. */
  readonly failures: number;
  /** In ms. */
  readonly pause: number;
}

/** Why a source sends nothing. */
export interface Outage {
  /** The node that can't reach its server. */
  readonly node: NodeRef;
  readonly error: Error;
  /** When one record is sent to try, in ms since the epoch. */
  readonly next: number;
}

/** A record that failed for good, with what is needed to understand and replay it. */
export interface DeadLetter {
  /** Tells it from others wherever it is stored, so that what is stored twice counts once; made when absent. */
  readonly id?: string;
  readonly message: Message;
  /** The bytes of each record of the message; kept where the message does not give them back (originals.ts). */
  readonly originals?: readonly OriginalBytes[];
  readonly error: Error;
  readonly node?: NodeRef;
  readonly attempts: number;
  /** ms since the epoch */
  readonly time: number;
}

/** Where dead letters go. */
export interface DeadLetters {
  /** Resolves when the letters are durable; the source does not acknowledge before. */
  write(letters: readonly DeadLetter[]): Promise<void>;
  close(): Promise<void>;
}

export interface SourceOptions {
  readonly retry: RetryPolicy;
  /** How long a token may rest in nodes that do not declare a hold, in ms. */
  readonly timeout: number;
  readonly deadLetters: DeadLetters;
  /** Absent: the source never pauses. */
  readonly breaker?: BreakerPolicy;
  /** Told when the source stops sending new records, when a try has failed, and (undefined) when it goes on. */
  onOutage?(outage: Outage | undefined): void;
  /** Told why dead letters can't be written, so that nothing behind them is acknowledged, and (undefined) that they are. */
  onDeadLetters?(trouble: Error | undefined): void;
  /**
   * Told when an emission begins to rest in declared holds alone (its records and bytes) or stops doing so (the same,
   * negative), so that its span can leave them out. An emission that finishes while it rests does so without a call.
   */
  onHeld?(emission: Emission, records: number, bytes: number): void;
  /** Told when flows start (the source may send) and when they stop (it must not). Called at once if already started. */
  onFlows?(running: boolean): void;
  /** For a source with this, flows do not run while no enabled node is at its first output; told so, and of the end of that. */
  onUnwired?(unwired: boolean): void;
}

/** A source's side of the ledger. One per source node instance. */
export interface DeliverySource {
  /** False before `flows:started`, between `flows:stopping` and `flows:started`, and after close. */
  readonly running: boolean;
  /** Emissions not finished yet. */
  readonly unfinished: number;
  /** Sends an emission and calls `finished` exactly once, never synchronously. Throws when not running. */
  deliver(emission: Emission, finished: (verdict: Verdict, failure?: Failure) => void): void;
  /** Tells holders of this source's records (sinks with open files, windows) that it is paused for want of room. */
  pressure(): void;
  /**
   * Ends emissions at once, with the verdict `abandoned`; what their branches still do is late.
   * @param only `waiting`: those that are not in the flow, but wait for their next try
   */
  recall(which: (emission: Emission) => boolean, only?: "waiting"): void;
  /** Waits up to `drain` ms for what is in flight, then abandons the rest. */
  close(drain: number): Promise<void>;
  /** The records that `close` is waiting for, and how long it will at most, in ms. */
  readonly draining: { readonly records: number; readonly left: number } | undefined;
}

/**
 * A deliberate hold: by a window until it closes, by a sink until its file rotates, by a queue until its turn comes. Such
 * a hold does not time out.
 */
export interface Hold {
  /** Source records held of this message. */
  readonly records: number;
  readonly bytes: number;
  /**
   * Called when the source is paused because what it delivered is not finished: rotate, checkpoint or fire. One call a
   * node, by whichever of its holds, stands for all that the node holds.
   */
  readonly relieve?: () => void;
  /**
   * It ends by later records or by time, and nobody works on the record meanwhile: a window, a file that fills. Gates
   * count such a record as under way no more.
   */
  readonly gathers?: true;
  /** The holder is at its bound: the record goes on counting against its source's span, so that the source waits. */
  readonly counts?: true;
}

/**
 * What a node has still to do for a record after it has completed the message, as to write what the record has changed: the
 * record is not finished before. It costs less memory than a message that is held.
 */
export interface Retained {
  /** It is done. Twice is once. */
  release(): void;
  /** The record has failed here. */
  fail(error: Error): void;
}

/** A message's way below a gate, which has to know when it ends. */
export interface Leg {
  /**
   * For one of a batch's elements that the node sends alone: its position in the payload that came. The leg's failure is
   * then that element's, recognised by its `source` in `payload`, where nothing but that needs to be.
   */
  readonly element?: { readonly index: number; readonly payload: readonly unknown[] };
  /**
   * Told once, in a turn of its own: every branch is done (undefined), or rests in holds that gather, or the message has
   * failed. The failure is that of the record that came too; the gate's node does nothing about it.
   */
  ended(failure: Failure | undefined): void;
  /** Told when all that is left of it begins to rest in declared holds, and when that ends before the leg does. */
  rests?(held: boolean): void;
}

export interface GateOptions {
  /** How long a message that no source tracks may rest in a node below, in ms; others' sources say it. */
  readonly timeout: number;
  /** Told when flows start (the gate may send) and when they stop (it must not). Called at once if already started. */
  onFlows(running: boolean): void;
}

/** A node's side of the ledger that lets messages pass one after the other and knows when each has finished below. */
export interface Gate {
  /** False before `flows:started`, between `flows:stopping` and `flows:started`, and after close. */
  readonly running: boolean;
  /** Whether a source would bring the message again. */
  tracked(message: Message): boolean;
  /** Whether a tracked message's record has ended meanwhile (its source was closed, it timed out elsewhere). */
  ended(message: Message): boolean;
  /** Sends `message`, made of `from`, from a port, under a token of its own; `leg` is told of its end. Throws when not running. */
  pass(message: Message, from: Message, leg: Leg, port?: number): void;
  /** Asks holders of what has passed to let go, as a source does that is paused. */
  relieve(): void;
  /** Its legs go on and finish their records; nobody is told any more. */
  close(): void;
}

/** The ledger of one Node-RED process, as nodes see it. */
export interface Delivery {
  /** Registers a source node. `node` is the Node-RED node instance. */
  source(node: NodeRef & { send(message: unknown): void }, options: SourceOptions): DeliverySource;
  /** Registers a node that lets messages pass one after the other. Messages are followed while it exists, tracked or not. */
  gate(node: NodeRef & { send(message: unknown): void }, options: GateOptions): Gate;
  /**
   * The token for a message that was made from these inputs: theirs if they share one, else a composite that settles
   * all of them; undefined when none is tracked. Call it before the inputs are completed and send at once, in the same
   * turn: a composite that nothing carries is settled in the next microtask.
   */
  tokenFor(inputs: readonly Message[]): string | undefined;
  /**
   * The emissions that a message comes from, as far as sources are tracked: through joins and batches there may be several.
   * `ended`: it comes from a try of an emission with `undo` that has ended, or that has failed already, so that its
   * results must not be stored.
   */
  emissionsOf(message: Message): readonly Emission[] | "ended";
  /** Declares that `node` holds `message` (the very object it received) on purpose; returns the end of the hold. */
  hold(node: NodeRef, message: Message, hold: Hold): () => void;
  /**
   * Declares that the record of a message that `node` has received is not finished when the message is; `hold` is as in
   * `hold`. undefined: nothing is tracked.
   */
  retain(node: NodeRef, message: Message, hold: Hold): Retained | undefined;
  /** What the ledger can't vouch for, by node, and how much is under way. */
  report(): DeliveryReport;
}

export interface DeliveryReport {
  /** Tokens that are not settled: 0 when nothing is under way. */
  readonly tokens: number;
  /** Messages sent under a token that was settled before, by the node that sent or received them. */
  readonly lateSends: readonly { readonly node: NodeRef; readonly count: number }[];
  /** Nodes that can't call done and are believed after a grace time. */
  readonly unverified: readonly NodeRef[];
}
