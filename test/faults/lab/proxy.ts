/** A wire that can be cut: a TCP proxy on 127.0.0.1 that stalls, resets, halves, delays, or is not there. */
import { createServer, createConnection, type Server, type Socket } from "node:net";

export type Fault =
  /** Everything passes. */
  | { readonly kind: "none" }
  /** Connections stay open, and nothing passes in either direction. */
  | { readonly kind: "stall" }
  /** Connections are answered with a reset, now and until the fault is over. */
  | { readonly kind: "reset" }
  /** Packets are cut in two that arrive 20 ms apart. */
  | { readonly kind: "halve" }
  /** Half a packet passes, then the connection is reset. */
  | { readonly kind: "tear" }
  /** Packets arrive late. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Nothing listens: connections are refused. */
  | { readonly kind: "absent" };

/** Packets longer than this are torn; shorter ones are mostly heartbeats. */
const WORTH_TEARING = 200;

export class Proxy {
  #server: Server | undefined;
  #fault: Fault = { kind: "none" };
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** Bytes that passed. */
  passed = 0;
  /** Connections that were made to it. */
  connections = 0;

  /** @param port of this proxy @param target port of 127.0.0.1 to which it leads */
  constructor(
    readonly port: number,
    private readonly target: number,
  ) {}

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async set(fault: Fault): Promise<void> {
    const before = this.#fault;
    this.#fault = fault;
    if (fault.kind === "absent") {
      this.#cut();
      await this.#stop();
      return;
    }
    await this.#start();
    if (fault.kind === "reset") this.#cut();
    for (const pair of this.#pairs)
      for (const socket of pair)
        if (fault.kind === "stall") socket.pause();
        else if (before.kind === "stall") socket.resume();
  }

  async close(): Promise<void> {
    this.#cut();
    await this.#stop();
  }

  #cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
    this.#pairs.clear();
  }

  async #start(): Promise<void> {
    if (this.#server) return;
    const server = createServer((client) => this.#connect(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  #connect(client: Socket): void {
    this.connections++;
    if (this.#fault.kind === "reset") {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = createConnection(this.target, "127.0.0.1");
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    this.#pipe(client, server, pair);
    this.#pipe(server, client, pair);
    if (this.#fault.kind === "stall") for (const socket of pair) socket.pause();
  }

  #pipe(from: Socket, to: Socket, pair: readonly [Socket, Socket]): void {
    from.setNoDelay(true);
    const end = (): void => {
      this.#pairs.delete(pair);
      to.destroy();
    };
    from.on("error", end);
    from.on("close", end);
    /** Packets that wait must not be overtaken. */
    let order = Promise.resolve();
    const later = (bytes: Buffer, ms: number): void => {
      order = order.then(() => new Promise((resolve) => setTimeout(resolve, ms))).then(() => void to.write(bytes));
    };
    from.on("data", (bytes) => {
      this.passed += bytes.length;
      const half = bytes.length >> 1;
      switch (this.#fault.kind) {
        case "halve":
          later(bytes.subarray(0, half), 0);
          return later(bytes.subarray(half), 20);
        case "delay":
          return later(bytes, this.#fault.ms);
        case "tear":
          if (bytes.length < WORTH_TEARING) break;
          // What comes behind the half is lost with it: TCP leaves no holes.
          for (const socket of pair) socket.removeAllListeners("data");
          void order.then(() =>
            to.write(bytes.subarray(0, half), () => {
              for (const socket of pair) socket.resetAndDestroy();
            }),
          );
          return;
        default:
      }
      later(bytes, 0);
    });
  }
}
