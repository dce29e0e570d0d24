/** Tokens and their deliveries, as the ledger keeps them. */
import type { Linked } from "./chain";
import type { Emission, FailedElement, Hold, NodeRef } from "./contract";

/** Why a token failed, as the ledger keeps it. */
export interface TokenFailure {
  readonly error: Error;
  readonly node?: NodeRef | undefined;
  /** Positions in `payload` that failed; absent means everything. */
  readonly elements?: readonly FailedElement[] | undefined;
  /** The message that the failing node reported it with. */
  readonly message?: object | undefined;
  /** The payload that the failing node received, in which `elements` count. */
  readonly payload?: unknown;
  /** Elements of another part of the batch that failed elsewhere. */
  readonly also?: TokenFailure | undefined;
  /** Nothing is wrong with the record: it was interrupted, or reached no node. Such a failure is no try. */
  readonly interrupted?: boolean;
}

/** Who opened a token: told once how it ended. */
export interface TokenOwner {
  /** How long a delivery may rest in one node, in ms. */
  readonly timeout: number;
  /** What the token stands for. */
  readonly emission?: Emission;
  settled(token: Token, failure: TokenFailure | undefined): void;
  /** True when every delivery that is left is a declared hold, false when that ends before the token does. */
  rests?(held: boolean): void;
  /** Every delivery that is left is a hold that gathers. */
  gathered?(): void;
  /** Of a leg: what its failure is to the record that it is a part of. */
  passOn?(failure: TokenFailure): TokenFailure;
}

/** How a token rests: not at all, in declared holds, or only in those that gather. */
export const BUSY = 0;
export const HELD = 1;
export const GATHERED = 2;

/** A node instance in which deliveries are. */
export interface Whereabouts {
  readonly node: NodeRef;
  /** Takes a delivery out of the node's books: it is over for the ledger; `ended`: though the node may still have it. */
  forget(delivery: Delivered, ended?: true): void;
}

/**
 * Where a delivery is: under way to its node, received by it, out of the node's books, or what a node retains of a record after it
 * has completed the message.
 */
export const COMING = 0;
export const RECEIVED = 1;
export const GONE = 2;
export const RETAINED = 3;

/** One message under a token, on its way to a node or in it. Thousands live at a time: every field is paid in pauses. */
export class Delivered {
  /** Neighbours in the token's list. */
  next: Delivered | undefined;
  previous: Delivered | undefined;
  /** Neighbours in the place's line. */
  ahead: Delivered | undefined;
  behind: Delivered | undefined;
  hold: Hold | undefined;
  phase: typeof COMING | typeof RECEIVED | typeof GONE | typeof RETAINED = COMING;
  /** Its node has sent something under its token. */
  forwarded = false;
  /** The ledger counts it no more. */
  over = false;
  constructor(
    public token: Token,
    readonly place: Whereabouts,
    readonly message: object,
    /** The place that sent it, when that place held deliveries itself. */
    readonly from: Whereabouts | undefined,
    /** When it came to the node, by the ledger's clock. */
    public since: number,
  ) {}
}

/** The last character of ids whose emissions can be undone: what comes under such an id after its end is known by it. */
const UNDOABLE = "!";

/** True when what carries this id comes from an emission that can be undone, or from several with one among them. */
export const isUndoable = (id: unknown): id is string => typeof id === "string" && id.endsWith(UNDOABLE);

const anyUndoable = (tokens: Iterable<Token>): boolean => {
  for (const { id } of tokens) if (isUndoable(id)) return true;
  return false;
};

/** The id to use: marked when what it stands for can be undone. */
export const markedId = (id: string, owner: TokenOwner | undefined, children: Iterable<Token> | undefined): string =>
  owner?.emission?.undo !== undefined || (children !== undefined && anyUndoable(children)) ? id + UNDOABLE : id;

export class Token implements Linked<Token> {
  /** Neighbours in the registry: in the order of their coming, and in one slot of its table. */
  older: Token | undefined;
  newer: Token | undefined;
  beside: Token | undefined;
  /** In the id. */
  number = 0;
  /** Open references, deliveries under way and composites that include this token. */
  count = 0;
  failure: TokenFailure | undefined;
  /** Deliveries ever made. */
  deliveries = 0;
  /** How many of `count` are declared holds, or composites that rest in declared holds. */
  holds = 0;
  /** How many of `holds` gather. */
  gathers = 0;
  rests: typeof BUSY | typeof HELD | typeof GATHERED = BUSY;
  settled = false;
  queued = false;
  first: Delivered | undefined;
  last: Delivered | undefined;
  constructor(
    readonly id: string,
    readonly opened: number,
    readonly timeout: number,
    readonly owner: TokenOwner | undefined,
    /** Of a composite or a leg: the tokens that wait for it. */
    readonly children: Set<Token> | undefined,
  ) {}
}

/** What comes together with something of an ended try fails with it. */
export const ENDED: TokenFailure = {
  error: new Error("it was put together with something of a try that had ended before"),
  interrupted: true,
};

/** The emissions at the root of a token; `ended` when one that can be undone has failed already. */
export const emissionsOf = (token: Token): readonly Emission[] | "ended" => {
  if (token.failure !== undefined && isUndoable(token.id)) return "ended";
  if (token.children === undefined) return token.owner?.emission === undefined ? [] : [token.owner.emission];
  const found: Emission[] = [];
  for (const child of token.children) {
    const roots = emissionsOf(child);
    if (roots === "ended") return roots;
    found.push(...roots);
  }
  return found;
};
