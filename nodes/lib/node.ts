/** Where Node-RED's callbacks are met, once: registration, receive → done, status, close. */
import type { Node, NodeAPI, NodeDef } from "node-red";
import { serveConnectionTests, type ConnectionTest } from "./connection-test";
import { Complaints } from "./complaints";
import type { Declaration } from "./declare";
import { countOf } from "./batch";
import { countsOf, forgetCounts, serveCounts, type NodeCounts } from "./counters";
import type { Message, NodeRef } from "./delivery/contract";
import { asError, BatchFailure, ConfigError, messageOf } from "./errors";
import type { Fields } from "./fields";
import { forgetful } from "./forgetful";
import { nodeContext, settingsContext, type BareContext, type NodeContext } from "./node-context";
import { readSettings } from "./settings";

/** What a node does. */
export interface Behaviour {
  /**
   * Handles one message. Resolve when the work is done for good (for a sink: durable); the ledger then counts this
   * branch as finished. Reject with the cause: the message fails here and its source sends it again.
   */
  receive?(message: Message): Promise<void> | void;
  /** Drains and lets go. `removed`: the node was deleted or disabled, not only redeployed. */
  close?(removed: boolean): Promise<void> | void;
  /** Of a message that it was done with well it has nothing any more, and gave it to nobody but its wires. */
  readonly forgets?: true;
}

/** What a config node does: `handle` is what other nodes' settings resolve to. */
export interface ConfigBehaviour<H> {
  readonly handle: H;
  /** For the "Test connection" button: what was found, or a rejection that says what is wrong. */
  test?(): Promise<Found>;
  close?(removed: boolean): Promise<void> | void;
}

/** The answer of a connection test: a key of the declaration's `words` with its values. */
export interface Found {
  readonly word: string;
  readonly values?: Readonly<Record<string, string | number>>;
}

/** How long close may take before Node-RED goes on without it, in ms; below Node-RED's own limit of 15 s. */
const CLOSE_LIMIT = 14_000;

/** How often one is told of a close that goes on, in ms. */
const CLOSE_TOLD = 1_000;

/** Config nodes made by `defineConfigNode`, as other nodes find them. */
interface ConfigNode extends Node {
  citystream?: { handle: unknown } | { failure: Error };
}

/** Defines a node; its result is what the node's file exports. */
export function defineNode<F extends Fields>(
  declaration: Declaration<F>,
  behave: (node: NodeContext<F>) => Behaviour,
): (RED: NodeAPI) => void {
  return (RED) => {
    RED.nodes.registerType(declaration.type, function construct(this: Node, definition: NodeDef) {
      RED.nodes.createNode(this, definition);
      fewComplaints(this);
      const context = nodeContext(RED, this, declaration);
      let behaviour: Behaviour;
      try {
        behaviour = behave(context.withSettings(definition));
      } catch (error) {
        context.abandon();
        refuse(this, context, error);
        return;
      }
      if (behaviour.forgets) forgetful(this);
      const counts = countsOf(this as NodeRef);
      serveCounts(RED);
      if (behaviour.receive) this.on("input", inputHandler(behaviour, behaviour.receive, context, counts));
      this.on("close", (removed: boolean, done: () => void) => {
        void closeWithin(this, behaviour.close?.bind(behaviour), removed, (left) =>
          context.closes(left, !removed),
        ).finally(() => {
          context.stop();
          if (removed) forgetCounts(this.id);
          done();
        });
      });
    });
  };
}

/** Private parts of Node-RED: whether a Catch node takes an error of a message. */
interface Caught {
  readonly _flow?: { handleError?(node: unknown, error: unknown, message: object): boolean };
}

/** Node-RED logs an error of every message that no Catch node takes: here of the first ones, then how many more there were. */
function fewComplaints(node: Node): void {
  const log = node.error.bind(node) as (error: unknown, message?: object) => void;
  const complaints = new Complaints(log);
  node.error = (error: unknown, message?: object) => {
    const flow = (node as Caught)._flow;
    if (!message || !flow?.handleError) log(error, message);
    else if (!flow.handleError(node, error, message) && complaints.heed(error)) log(error);
  };
  node.on("close", () => complaints.close());
}

/** Node-RED's three-argument handler: `done` follows the promise that `receive` returned. */
function inputHandler<F extends Fields>(
  behaviour: Behaviour,
  receive: NonNullable<Behaviour["receive"]>,
  context: BareContext<F>,
  counts: NodeCounts,
): (message: Message, send: unknown, done: (error?: Error) => void) => void {
  return (message, _send, done) => {
    const records = countOf(message);
    counts.received += records;
    const finish = (): void => {
      counts.finished += records;
      context.succeeded();
      done();
    };
    const fail = (thrown: unknown): void => {
      const failed = thrown instanceof BatchFailure ? thrown.elements.length : records;
      counts.failed += failed;
      counts.finished += records - failed;
      context.failed();
      done(asError(thrown));
    };
    try {
      const result = receive.call(behaviour, message);
      if (result === undefined) finish();
      else result.then(finish, fail);
    } catch (error) {
      fail(error);
    }
  };
}

/** Defines a config node; its handle is what `configNode()` settings of other nodes resolve to. */
export function defineConfigNode<F extends Fields, H>(
  declaration: Declaration<F>,
  behave: (node: NodeContext<F>) => ConfigBehaviour<H>,
): (RED: NodeAPI) => void {
  return (RED) => {
    RED.nodes.registerType(
      declaration.type,
      function construct(this: ConfigNode, definition: NodeDef) {
        RED.nodes.createNode(this, definition);
        const context = nodeContext(RED, this, declaration);
        try {
          const behaviour = behave(context.withSettings(definition));
          this.citystream = { handle: behaviour.handle };
          this.on("close", (removed: boolean, done: () => void) => {
            void closeWithin(this, behaviour.close?.bind(behaviour), removed, (left) =>
              context.closes(left, false),
            ).finally(done);
          });
        } catch (error) {
          this.citystream = { failure: asError(error) };
          this.error(messageOf(error));
        }
      },
      { credentials: credentialsOf(declaration.fields) },
    );
    if (declaration.testable) serveConnectionTests(RED, declaration.type, testOf(RED, declaration, behave));
  };
}

/** Tries the settings of a form that need not be deployed yet. */
function testOf<F extends Fields, H>(
  RED: NodeAPI,
  declaration: Declaration<F>,
  behave: (node: NodeContext<F>) => ConfigBehaviour<H>,
): ConnectionTest {
  return async (form, credentials) => {
    const settings = readSettings(declaration.fields, form, credentials, settingsContext(RED, undefined));
    const behaviour = behave(detachedContext(RED, settings));
    try {
      if (!behaviour.test) throw new ConfigError("this node has no connection test");
      return await behaviour.test();
    } finally {
      await behaviour.close?.(true);
    }
  };
}

/** The context of a config node that exists only while its form is tested. */
function detachedContext<F extends Fields>(RED: NodeAPI, settings: NodeContext<F>["settings"]): NodeContext<F> {
  const quiet = (): void => undefined;
  const refused = (): never => {
    throw new Error("a node under test has no wires");
  };
  return {
    RED,
    id: "",
    type: "",
    name: "",
    settings,
    closing: false,
    status: quiet,
    log: quiet,
    warn: quiet,
    error: quiet,
    send: refused,
    hold: refused,
    retain: refused,
    forgotten: () => false,
    emissionsOf: () => [],
    gate: refused,
    source: refused,
    word: (key) => key,
    node: undefined,
  };
}

function credentialsOf(fields: Fields): Record<string, { type: "text" | "password" }> {
  const secrets = Object.entries(fields).flatMap(([name, field]) =>
    field.kind === "secret" ? [[name, { type: field.visible ? "text" : "password" }] as const] : [],
  );
  return Object.fromEntries(secrets);
}

/** A node whose settings are wrong: red, and every message fails with the reason, so that none is lost. */
function refuse(
  node: Node,
  context: { show(word: string, colour: "red", detail: string): void },
  error: unknown,
): void {
  context.show("settings", "red", messageOf(error));
  node.error(messageOf(error));
  node.on("input", (_message, _send, done) => done(asError(error)));
}

async function closeWithin(
  node: Node,
  close: ((removed: boolean) => Promise<void> | void) | undefined,
  removed: boolean,
  tell: (left: number) => void,
): Promise<void> {
  const begun = performance.now();
  const telling = setInterval(() => tell(CLOSE_LIMIT - (performance.now() - begun)), CLOSE_TOLD);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      node.warn(`did not close within ${CLOSE_LIMIT / 1000} s; what was unfinished comes again from its source`);
      resolve();
    }, CLOSE_LIMIT);
  });
  try {
    await Promise.race([late, Promise.resolve(close?.(removed))]);
  } catch (error) {
    node.error(`while closing: ${messageOf(error)}`);
  } finally {
    clearInterval(telling);
    clearTimeout(timer);
  }
}
