/** A TCP proxy before a broker that shows the packets which the client sends, and can cut or hold the connection. */
import net, { type AddressInfo, type Socket } from "node:net";
import { parser, type Packet } from "mqtt-packet";

export interface Proxy {
  readonly port: number;
  /** Every packet sent by clients, in order; with the connection it went over, counted from 1. */
  readonly sent: readonly { readonly connection: number; readonly packet: Packet }[];
  /** Number of connections so far. */
  readonly connections: number;
  /** Cuts all connections, as a network does. */
  cut(): void;
  close(): Promise<void>;
}

export async function startProxy(target: number): Promise<Proxy> {
  const sent: { connection: number; packet: Packet }[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = net.createServer((client) => {
    const connection = (connections += 1);
    const broker = net.connect(target, "127.0.0.1");
    let packets = parser({ protocolVersion: 4 });
    const collect = (packet: Packet): void => {
      sent.push({ connection, packet });
      if (packet.cmd === "connect" && packet.protocolVersion === 5) {
        packets = parser({ protocolVersion: 5 });
        packets.on("packet", collect);
      }
    };
    packets.on("packet", collect);
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined);
      from.on("data", (data) => {
        to.write(data);
        if (from === client) packets.parse(data);
      });
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sent,
    get connections() {
      return connections;
    },
    cut: () => sockets.forEach((socket) => socket.destroy()),
    async close() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
