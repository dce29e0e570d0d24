import { defineConfigNode, type Found } from "../../lib/node";
import { brokerAddress } from "../../lib/mqtt/address";
import type { Broker } from "../../lib/mqtt/connection";
import { EmbeddedBroker } from "../../lib/mqtt/embedded";
import { probeBroker } from "../../lib/mqtt/probe";
import { isFree } from "../../lib/mqtt/port";
import { declaration } from "./declaration";

export = defineConfigNode(declaration, (node) => {
  const { server, address, version, port, username, password, tls, clientId, keepalive } = node.settings;
  const isEmbedded = server === "embedded";
  const isTested = node.node === undefined;
  let open!: () => void;
  const when = new Promise<void>((resolve) => (open = resolve));
  const embedded =
    isEmbedded && !isTested
      ? new EmbeddedBroker({ port, username, password, when, warn: (text) => node.warn(text) })
      : undefined;
  const started = (): void => {
    embedded?.settle();
    open();
  };
  if (embedded) node.RED.events.on("flows:started", started);
  const broker: Broker = {
    address: isEmbedded ? `mqtt://127.0.0.1:${port}` : brokerAddress(address, tls !== undefined),
    version: isEmbedded || version === "3.1.1" ? 4 : 5,
    clientId: clientId || `citystream-${instanceOf(node.RED.settings)}`,
    username,
    password,
    tls,
    keepalive,
    ready: (away) => embedded?.ready(away) ?? Promise.resolve(),
    ...(embedded && {
      join: (id) => embedded.join(id),
      attend: (id, filters, qos) => embedded.attend(id, filters, qos),
    }),
  };

  return {
    handle: broker,
    async test(): Promise<Found> {
      if (isEmbedded && (await isFree(port))) return { word: "free", values: { port } };
      const { version: spoken, product, milliseconds } = await probeBroker(broker);
      if (isEmbedded) return { word: "running", values: { port } };
      return { word: "connected", values: { version: spoken, product, milliseconds } };
    },
    async close() {
      node.RED.events.removeListener("flows:started", started);
      open();
      await embedded?.close();
    },
  };
});

/** What tells this Node-RED from others that run the same flow: two clients with one id would disconnect each other. */
function instanceOf(settings: object): string {
  const { get } = settings as { get?: (key: string) => unknown };
  const id = typeof get === "function" ? get.call(settings, "instanceId") : undefined;
  return typeof id === "string" ? id.slice(0, 8) : "node-red";
}
