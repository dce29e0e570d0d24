/** What a node's behaviour may ask of Node-RED and of the delivery ledger. */
import type { Node, NodeAPI, NodeDef } from "node-red";
import { countsOf, type NodeCounts } from "./counters";
import { commonStatuses, type Declaration } from "./declare";
import { deliveryOf } from "./delivery";
import {
  TOKEN,
  type Delivery,
  type DeliverySource,
  type Gate,
  type GateOptions,
  type Hold,
  type Message,
  type NodeRef,
  type Outage,
  type Retained,
  type SourceOptions,
} from "./delivery/contract";
import { ConfigError } from "./errors";
import type { Fields, Settings, TlsOptions } from "./fields";
import { endsBelow } from "./forgetful";
import { readSettings, type SettingsContext } from "./settings";
import { nodeStatus, type Colour, type NodeStatus } from "./status";

export interface NodeContext<F extends Fields = Fields> {
  readonly RED: NodeAPI;
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly settings: Settings<F>;
  /** True once the node has begun to close. */
  readonly closing: boolean;
  /**
   * Shows a status by the key of one of the declaration's `statuses`, at most twice a second. `detail` is a number, a
   * name, or an error's reason. The text is in the runtime's language, as Status nodes read it; the editor shows it in
   * its own (tools/editor/words-page.ts), reasons as far as `reasons.ko.json` knows them.
   */
  status(word: string, colour: Colour, detail?: string | number): void;
  log(text: string): void;
  warn(text: string): void;
  /** Logs an error; with a message, Catch nodes get it and the message's branch fails unless one does. */
  error(text: string | Error, message?: Message): void;
  /**
   * Sends a message from a port (the first by default). A message made from several inputs, or sent outside of
   * `receive`, names them in `from`: it then carries their delivery token.
   */
  send(message: Message, options?: { port?: number; from?: readonly Message[] }): void;
  /** Whether nobody will have a message that is sent now from the only port any more once it has been delivered. */
  forgotten(): boolean;
  /** Declares a deliberate hold of a received message; returns its end. */
  hold(message: Message, hold: Hold): () => void;
  /** Declares that the record of a received message is not finished when the message is; undefined: nothing is tracked. */
  retain(message: Message, hold: Hold): Retained | undefined;
  /** The tracked records that a message comes from; see `Delivery`. */
  emissionsOf: Delivery["emissionsOf"];
  /** Makes this node one that lets messages pass one after the other and knows when each has finished below. */
  gate(options: GateOptions): Gate;
  /** Makes this node a tracked source. */
  source(options: SourceOptions): DeliverySource;
  /** One of the declaration's `words` in the runtime's language. */
  word(key: string, values?: Readonly<Record<string, string | number>>): string;
  /** The Node-RED node, for what is not covered here (context stores). */
  readonly node: Node | undefined;
}

/** A node's context before its settings are read. */
export interface BareContext<F extends Fields> {
  /** @throws ConfigError */
  withSettings(definition: NodeDef): NodeContext<F>;
  show(word: string, colour: Colour, detail?: string | number): void;
  /** A message has failed, or was treated well: the status says so beside what the node itself shows. */
  failed(): void;
  succeeded(): void;
  /**
   * Its close takes long: says what for, and when Node-RED goes on at the latest.
   *
   * @param left until Node-RED goes on without it, in ms
   * @param seen it has a status that somebody sees
   */
  closes(left: number, seen: boolean): void;
  /** No status is shown after this. */
  stop(): void;
  /** Ends the sources of a node that failed as it was made: nobody else will. */
  abandon(): void;
}

export function nodeContext<F extends Fields>(RED: NodeAPI, node: Node, declaration: Declaration<F>): BareContext<F> {
  const set = declaration.type.replace(/^citystream-/u, "");
  let closing = false;
  let toldOfClose = false;
  let isShownClosing = false;
  const sources: DeliverySource[] = [];
  node.on("close", () => {
    closing = true;
  });
  const words = { ...commonStatuses, ...declaration.statuses } as Readonly<Record<string, string>>;
  const shown = nodeStatus(
    (word) => RED._(`${namespaceOf(set)}:${set}.status.${word}`),
    (next) => node.status(next),
  );
  const status: NodeContext["status"] = (word, colour, detail) => {
    if (!Object.hasOwn(words, word)) throw new Error(`${declaration.type} declares no status "${word}"`);
    shown.own({ word, colour, detail });
  };
  return {
    show: status,
    failed: shown.failed,
    succeeded: shown.succeeded,
    closes(left, seen) {
      const draining = sources.map((source) => source.draining).find((one) => one !== undefined);
      const most = `${Math.max(1, Math.round((draining?.left ?? left) / 1000))} s`;
      if (!toldOfClose)
        node.log(
          draining
            ? `finishing ${draining.records} records before it closes, at most ${most} more`
            : `closing takes a while, at most ${most} more`,
        );
      toldOfClose = true;
      if (!seen) return;
      isShownClosing = true;
      shown.trouble(
        draining
          ? { word: "finishing", colour: "blue", detail: `${draining.records}, ≤ ${most}` }
          : { word: "closing", colour: "blue", detail: `≤ ${most}` },
      );
    },
    stop() {
      shown.stop();
      // what comes in its place may have nothing to show yet
      if (isShownClosing) node.status({});
    },
    abandon() {
      for (const source of sources) void source.close(0);
    },
    withSettings(definition) {
      const settings = readSettings(
        declaration.fields,
        definition as unknown as Record<string, unknown>,
        (node.credentials as Record<string, unknown> | undefined) ?? {},
        settingsContext(RED, node),
      );
      return {
        RED,
        id: node.id,
        type: node.type,
        name: node.name ?? "",
        settings,
        get closing() {
          return closing;
        },
        status,
        log: (text) => node.log(text),
        warn: (text) => node.warn(text),
        error: (text, message) => (message === undefined ? node.error(text) : node.error(text, message as never)),
        send(message, options = {}) {
          if (options.from) {
            const token = deliveryOf(RED).tokenFor(options.from);
            if (token === undefined) delete message[TOKEN];
            else message[TOKEN] = token;
          }
          const port = options.port ?? 0;
          node.send((port === 0 ? message : [...Array<null>(port).fill(null), message]) as never);
        },
        forgotten: () => endsBelow(RED, node),
        emissionsOf: (message) => deliveryOf(RED).emissionsOf(message),
        hold: (message, hold) => deliveryOf(RED).hold(node as NodeRef, message, hold),
        retain: (message, hold) => deliveryOf(RED).retain(node as NodeRef, message, hold),
        gate: (options) => deliveryOf(RED).gate(node as NodeRef & { send(message: unknown): void }, options),
        source(options) {
          const source = deliveryOf(RED).source(
            node as NodeRef & { send(message: unknown): void },
            withTroubles(options, shown.trouble, declaration.group === "source"),
          );
          sources.push(source);
          return counted(source, countsOf(node as NodeRef));
        },
        word: (key, values = {}) => RED._(`${namespaceOf(set)}:${set}.word.${key}`, values),
        node,
      };
    },
  };
}

/**
 * The options of a source whose outages, stuck dead letters and missing wire show in its status.
 *
 * @param needsWire it is there for what it sends, unlike a node that also shows, keeps or answers something
 */
function withTroubles(options: SourceOptions, overlay: NodeStatus["trouble"], needsWire: boolean): SourceOptions {
  let outage: Outage | undefined;
  let stuck: Error | undefined;
  let isUnwired = false;
  const show = (): void => {
    if (isUnwired) overlay({ word: "unwired", colour: "yellow" });
    else if (stuck) overlay({ word: "deadLetters", colour: "red" });
    else if (outage) {
      const { node, next } = outage;
      const detail = `${node.name || node.type}, ${new Date(next).toTimeString().slice(0, 8)}`;
      overlay({ word: "outage", colour: "red", detail });
    } else overlay(undefined);
  };
  return {
    ...options,
    onOutage(now) {
      outage = now;
      show();
      options.onOutage?.(now);
    },
    onDeadLetters(trouble) {
      stuck = trouble;
      show();
      options.onDeadLetters?.(trouble);
    },
    ...(needsWire && {
      onUnwired(now: boolean) {
        isUnwired = now;
        show();
      },
    }),
  };
}

/** A source whose emissions are counted. */
function counted(source: DeliverySource, counts: NodeCounts): DeliverySource {
  return {
    get running() {
      return source.running;
    },
    get unfinished() {
      return source.unfinished;
    },
    deliver(emission, finished) {
      source.deliver(emission, (verdict, failure) => {
        if (verdict === "delivered") counts.acknowledged += emission.records;
        else if (verdict === "dead-lettered") counts.deadLettered += emission.records;
        finished(verdict, failure);
      });
      counts.emitted += emission.records;
    },
    pressure: () => source.pressure(),
    recall: (which, only) => source.recall(which, only),
    close: (drain) => source.close(drain),
    get draining() {
      return source.draining;
    },
  };
}

/** The i18n namespace that Node-RED gives a node set of this pack. */
const namespaceOf = (set: string): string => `@citystream/node-red-citystream/${set}`;

/** How settings are resolved for a node, or for a form under test when there is none. */
export function settingsContext(RED: NodeAPI, node: Node | undefined): SettingsContext {
  return {
    env(name) {
      const found: unknown = node ? RED.util.getSetting(node, name) : process.env[name];
      return found === undefined || found === null ? undefined : String(found);
    },
    configNode(id) {
      const found = RED.nodes.getNode(id) as unknown as
        (Node & { citystream?: { handle?: unknown; failure?: Error } }) | null;
      if (!found) throw new ConfigError("the chosen configuration node does not exist or is disabled");
      const { citystream } = found;
      if (!citystream) throw new ConfigError(`${found.type} is not one of this pack's configuration nodes`);
      if (citystream.failure) throw new ConfigError(`"${found.name || found.type}": ${citystream.failure.message}`);
      return citystream.handle;
    },
    tls(id) {
      const found = RED.nodes.getNode(id) as unknown as
        (Node & { valid?: boolean; addTLSOptions?(options: TlsOptions): TlsOptions }) | null;
      if (!found?.addTLSOptions) throw new ConfigError("the chosen TLS configuration does not exist");
      if (found.valid === false) throw new ConfigError(`the TLS configuration "${found.name || id}" is not valid`);
      return found.addTLSOptions({});
    },
    typedValue(type, value) {
      if (type === "msg") return (message) => RED.util.getMessageProperty(message as never, value) as unknown;
      return (message) => RED.util.evaluateNodeProperty(value, type, node as never, message as never) as unknown;
    },
  };
}
