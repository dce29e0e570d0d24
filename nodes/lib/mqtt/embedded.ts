/** A broker inside Node-RED for trying out: MQTT 3.1.1, in memory, on loopback. */
import { createServer, type Server, type Socket } from "node:net";
import { AuthErrorCode, type Aedes, type AuthenticateError, type Client } from "aedes";
import { messageOf } from "../errors";
import type { Reason } from "./reasons";

export interface EmbeddedOptions {
  readonly port: number;
  /** Asked of every client when a user name is given. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Told once per cause when the broker cannot listen, and when a client is turned away. */
  warn(text: string): void;
}

/** Delay before a taken port is tried again, in ms. */
const AGAIN = 2_000;
const LOOPBACK = "127.0.0.1";
/** MQTT 5, 3.2.2.2: Unsupported Protocol Version. */
const UNSUPPORTED_VERSION = 0x84;

export class EmbeddedBroker {
  #server: Server | undefined;
  #aedes: Aedes | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #failure: Reason | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<(reason: Reason) => void>();
  readonly #listening: Promise<void>;
  #announce!: () => void;

  constructor(private readonly options: EmbeddedOptions) {
    this.#listening = new Promise((resolve) => (this.#announce = resolve));
    this.#start().catch((error: unknown) => this.#fail(messageOf(error)));
  }

  /** Resolves when it listens; until then `away` is told what stands in the way. */
  async ready(away: (reason: Reason) => void): Promise<void> {
    this.#waiting.add(away);
    if (this.#failure) away(this.#failure);
    await this.#listening;
    this.#waiting.delete(away);
  }

  /** Lets the port go; resolves when it is free. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    if (server?.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    const aedes = this.#aedes;
    if (aedes) await new Promise<void>((resolve) => aedes.close(() => resolve()));
  }

  async #start(): Promise<void> {
    const { Aedes: Broker } = await import("aedes");
    const aedes = await Broker.createBroker({
      authenticate: (_client, username, password, done) => this.#authenticate(username, password, done),
      preConnect: (client, packet, done) => {
        const version = (packet as { protocolVersion?: number }).protocolVersion;
        if (version === 5) this.#refuseVersion5(client);
        done(null, version !== 5);
      },
    });
    this.#aedes = aedes;
    aedes.on("clientError", () => undefined);
    aedes.on("connectionError", () => undefined);
    if (this.#closed) aedes.close();
    else this.#listen(aedes);
  }

  #listen(aedes: Aedes): void {
    const { port } = this.options;
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      aedes.handle(socket);
    });
    this.#server = server;
    server.on("error", (error: NodeJS.ErrnoException) => {
      const words: Readonly<Record<string, string>> = {
        EADDRINUSE: `port ${port} is taken by another program: choose another port for the embedded broker`,
        EACCES: `port ${port} may not be opened by this user: choose one above 1023`,
      };
      this.#fail(words[error.code ?? ""] ?? `the embedded broker cannot listen on port ${port}: ${error.message}`);
      if (!this.#closed) this.#retry = setTimeout(() => this.#listen(aedes), AGAIN);
    });
    server.listen(port, LOOPBACK, () => {
      this.#failure = undefined;
      this.#announce();
    });
  }

  #fail(text: string): void {
    if (this.#failure?.text !== text) this.options.warn(text);
    this.#failure = { fault: "other", text };
    for (const away of this.#waiting) away(this.#failure);
  }

  #authenticate(
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    const { username: wanted, password: secret } = this.options;
    const known = !wanted || (username === wanted && (password?.toString() ?? "") === (secret ?? ""));
    if (known) done(null, true);
    else done(badLogin(), false);
  }

  /** CONNACK of MQTT 5 (section 3.2) with a reason string, since aedes would answer in 3.1.1. */
  #refuseVersion5(client: Client): void {
    const text = "the embedded broker speaks MQTT 3.1.1 only";
    this.options.warn(`a client asked for MQTT 5 and was refused: ${text}`);
    const reason = Buffer.from(text);
    const properties = Buffer.concat([Buffer.from([0x1f, 0, reason.length]), reason]);
    const body = Buffer.concat([Buffer.from([0, UNSUPPORTED_VERSION, properties.length]), properties]);
    client.conn.end(Buffer.concat([Buffer.from([0x20, body.length]), body]));
  }
}

/** Turned into CONNACK return code 4 of MQTT 3.1.1: bad user name or password. */
const badLogin = (): AuthenticateError =>
  Object.assign(new Error("bad user name or password"), { returnCode: AuthErrorCode.BAD_USERNAME_OR_PASSWORD });
