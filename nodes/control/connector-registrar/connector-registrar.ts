import { type Connector, readConnector } from "../../lib/connect/connector";
import { register, type Registered, type Step } from "../../lib/connect/register";
import type { Message } from "../../lib/delivery/contract";
import { asError, ConfigError, messageOf, Retriable } from "../../lib/errors";
import { defineNode } from "../../lib/node";
import { declaration } from "./declaration";

/** Configurations that may wait for Connect at once; more are refused, to come again. */
const mostWaiting = 1000;

export = defineNode(declaration, (node) => {
  const { connect, connector, config, atStart, timeLimit, settle } = node.settings;
  const own = config === undefined ? undefined : readOwn(config, connector);
  const closed = new AbortController();
  /** The last registration of each connector: one name is registered by one message after the other. */
  const last = new Map<string, Promise<unknown>>();
  let waiting = 0;
  let reason = "";

  const show = (step: Step): void => {
    if (closed.signal.aborted) return;
    if (step.step === "starting") node.status("starting", "yellow", `${step.running}/${step.parts}`);
    else if (step.step === "registering") node.status("registering", "yellow");
    else {
      node.status(step.step, step.step === "waiting" ? "red" : "yellow");
      if (step.reason !== reason) node.warn(step.reason);
      reason = step.reason;
    }
  };

  const registerOne = async (wanted: Connector): Promise<Registered> => {
    if (waiting >= mostWaiting) throw new Retriable(`${waiting} connectors wait to be registered; this one must wait`);
    waiting++;
    const before = last.get(wanted.name) ?? Promise.resolve();
    const options = { limit: timeLimit * 1000, settle: settle * 1000, signal: closed.signal, progress: show };
    const turn = before.then(() => register(connect, wanted, options));
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    last.set(wanted.name, settled);
    try {
      const registered = await turn;
      reason = "";
      node.status("running", "green", registered.name);
      return registered;
    } catch (error) {
      if (closed.signal.aborted) throw new Retriable("the node was closed before the connector ran", { cause: error });
      node.status("failed", "red", wanted.name);
      throw error;
    } finally {
      waiting--;
      if (last.get(wanted.name) === settled) last.delete(wanted.name);
    }
  };

  const begin = (): void => {
    if (own === undefined || closed.signal.aborted) return;
    registerOne(own).then(
      (payload) => node.send({ topic: payload.name, payload }),
      (error: unknown) => {
        if (!closed.signal.aborted) node.error(asError(error));
      },
    );
  };
  const { events } = node.RED;
  if (atStart && own !== undefined) events.once("flows:started", begin);

  return {
    async receive(message: Message) {
      const wanted = own ?? readConnector(message.payload, connector);
      // waiting for Connect is no reason to send the message again
      const release = node.hold(message, { records: 1, bytes: 0 });
      try {
        message.payload = await registerOne(wanted);
      } finally {
        release();
      }
      node.send(message);
    },
    close() {
      events.removeListener("flows:started", begin);
      closed.abort(new Error("the node was closed"));
    },
  };
});

/** The node's own configuration: what is wrong with it is a setting to change. */
function readOwn(config: unknown, name: string): Connector {
  try {
    return readConnector(config, name);
  } catch (error) {
    throw new ConfigError(`Configuration: ${messageOf(error)}`, { cause: error });
  }
}
