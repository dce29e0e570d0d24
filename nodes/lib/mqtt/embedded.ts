/**
 * A broker inside Node-RED for trying out: MQTT 3.1.1, in memory, on loopback. A publisher at QoS 1 and 2 is acknowledged
 * when every subscriber of this Node-RED has acknowledged the message: what the memory loses, its publisher has.
 */
import { createServer, type Server, type Socket } from "node:net";
import { AuthErrorCode, type Aedes, type AuthenticateError, type Client } from "aedes";
import { messageOf } from "../errors";
import { LateAcknowledgements } from "./late-acknowledgements";
import { OwnSessions, type Persistence } from "./own-sessions";
import type { Reason } from "./reasons";

export interface EmbeddedOptions {
  readonly port: number;
  /** Asked of every client when a user name is given. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** It listens only from then on, since what comes before every own subscriber is known could pass it by; at once by default. */
  readonly when?: Promise<void>;
  /** Told once per cause when the broker cannot listen, and when a client is turned away. */
  warn(text: string): void;
}

/** Delay before a taken port is tried again, in ms. */
const AGAIN = 2_000;
/** How long closing waits for own clients, which finish what is under way for 5 s and then disconnect, in ms. */
const FAREWELL = 8_000;
const LOOPBACK = "127.0.0.1";
/** MQTT 5, 3.2.2.2: Unsupported Protocol Version. */
const UNSUPPORTED_VERSION = 0x84;

export class EmbeddedBroker {
  #server: Server | undefined;
  #aedes: Aedes | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #failure: Reason | undefined;
  readonly #sockets = new Map<Socket, Client>();
  readonly #sessions = new OwnSessions();
  readonly #acknowledgements = new LateAcknowledgements(this.#sessions, (id) => this.#isOwn(id));
  readonly #joined = new Set<{ readonly clientId: string }>();
  #deserted: (() => void) | undefined;
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

  /** Keeps a session for a subscriber of this Node-RED; call the result when it closes. */
  attend(clientId: string, filters: readonly string[], qos: number): () => void {
    return this.#sessions.attend(clientId, filters, qos);
  }

  /** The flows have started: who attends no session now has gone for good. */
  settle(): void {
    this.#sessions.settle();
  }

  /** A client of this Node-RED, for which closing waits; call the result when it has disconnected. */
  join(clientId: string): () => void {
    const member = { clientId };
    this.#joined.add(member);
    return () => {
      this.#joined.delete(member);
      this.#acknowledgements.left(clientId);
      if (this.#joined.size === 0) this.#deserted?.();
    };
  }

  /** Disconnects others at once and own clients when they have finished, and lets the port go; resolves when it is free. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const server = this.#server;
    const isFree = new Promise<void>((resolve) => {
      if (server?.listening) server.close(() => resolve());
      else resolve();
    });
    for (const [socket, client] of this.#sockets) if (!this.#isOwn(client.id)) socket.destroy();
    if (this.#joined.size > 0) await this.#farewell();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await isFree;
    const aedes = this.#aedes;
    if (aedes) await new Promise<void>((resolve) => aedes.close(() => resolve()));
  }

  #isOwn(clientId: string): boolean {
    for (const member of this.#joined) if (member.clientId === clientId) return true;
    return false;
  }

  async #farewell(): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#deserted = resolve;
      late = setTimeout(resolve, FAREWELL);
    });
    clearTimeout(late);
  }

  async #start(): Promise<void> {
    const { Aedes: Broker } = await import("aedes");
    const aedes = await Broker.createBroker({
      // without a bound messages are given out in the order in which they are published
      concurrency: 0,
      authorizePublish: (client, packet, done) => this.#acknowledgements.take(client, packet, done),
      authorizeForward: (client, packet) => this.#sessions.forward(client, packet),
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
    const { persistence } = aedes as unknown as {
      persistence: Persistence & Parameters<LateAcknowledgements["install"]>[1];
    };
    this.#sessions.install(persistence);
    this.#acknowledgements.install(aedes, persistence);
    await this.options.when;
    if (this.#closed) aedes.close();
    else this.#listen(aedes);
  }

  #listen(aedes: Aedes): void {
    const { port } = this.options;
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      this.#sockets.set(socket, aedes.handle(socket));
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
