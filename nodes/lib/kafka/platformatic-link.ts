/** Connections of @platformatic/kafka by broker and purpose, and what the cluster says of itself. */
import * as net from "node:net";
import { ConfigError } from "../errors";
import type { ErrorContext } from "./errors";
import { rebalanceTimeout } from "./group-protocol";
import { contextOf } from "./cluster-options";
import { answerOf, isTooOld, named, protocolError } from "./platformatic-errors";
import {
  loadPackage,
  PACKAGE,
  type Platformatic,
  type RawApi,
  type RawConnection,
  type RawConnectionOptions,
  type RawMetadata,
} from "./platformatic-package";
import type { ProtocolError } from "./producer-wire";
import type { ClusterOptions } from "./port";
import { sleep } from "./sleep";

interface Address {
  readonly host: string;
  readonly port: number;
}

/** A connection and the broker it leads to. */
export interface Line {
  readonly connection: RawConnection;
  readonly broker: string;
  /** Why it was cut, where the package does not know. */
  failure?: Error;
}

/** One connection a broker and purpose: a broker answers one request of a connection at a time, and fetches wait long. */
export type Purpose = "ask" | "fetch" | "group" | "join" | "produce";

export interface Link {
  readonly context: ErrorContext;
  readonly lib: () => Promise<Platformatic>;
  /** To any broker. */
  any(): Promise<Line>;
  /** To the broker of an id, as the metadata of last time has it. */
  node(id: number, purpose: Purpose): Promise<Line>;
  /** The broker that keeps a group's offsets and members, or a transactional id's transactions. */
  coordinator(name: string, purpose: Purpose, of?: CoordinatorOf): Promise<Line>;
  /** Coordinators have moved, or may have. */
  forgetCoordinator(): void;
  /** One request. An answer that says what failed is an answer. @throws an error that `explain` knows */
  ask<A extends readonly unknown[], R>(request: RawApi<A, R>, line: Line, ...args: A): Promise<R>;
  /** Counts a request among those that are not answered until `work` is over. */
  track<T>(name: string, work: Promise<T>): Promise<T>;
  /** The requests that are not answered, for people: "JoinGroup since 12 s". */
  outstanding(): string;
  /** What the cluster says of topics; null for all. */
  metadata(topics: readonly string[] | null): Promise<RawMetadata>;
  /** Throws what the broker answered unless the code is 0. */
  check(code: number): Promise<void>;
  protocolError(code: number): ProtocolError;
  /** Cuts one connection: what it was asked is not to be expected any more. */
  drop(line: Line): void;
  /** Closes all; cuts what does not end within `limit` ms. Never throws. */
  close(limit?: number): Promise<void>;
}

export type CoordinatorOf = "group" | "transaction";
/** As FindCoordinator has them. */
const COORDINATORS: Readonly<Record<CoordinatorOf, number>> = { group: 0, transaction: 1 };

const addressOf = (broker: string): Address => {
  const colon = broker.lastIndexOf(":");
  return { host: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) };
};

const optionsOf = (options: ClusterOptions, { host }: Address, requestTimeout: number): RawConnectionOptions => {
  const { sasl, tls } = options;
  const login = (): Pick<RawConnectionOptions, "sasl"> => {
    if (!sasl) return {};
    if (sasl.mechanism === "OAUTHBEARER") return { sasl: { mechanism: "OAUTHBEARER", token: () => sasl.token() } };
    return { sasl };
  };
  return {
    connectTimeout: options.connectionTimeout ?? 10_000,
    requestTimeout,
    maxInflights: 5,
    ...(tls ? { tls: { ...(net.isIP(host) ? {} : { servername: host }), ...tls } } : {}),
    ...login(),
  };
};

/** The first question after a coordinator makes the broker create the topic that it keeps things in. */
const COORDINATOR_NOT_AVAILABLE = 15;
/** Together 4.5 s. */
const FIND_TRIES = 10;

/** A JoinGroup request is answered when all have joined; so much longer it is waited for, in ms. */
const JOIN_TIMEOUT = 15_000;

/** More than any broker answers at once; text read as a number is more. */
const LONGEST_ANSWER = 512 * 1024 * 1024;

/** The package waits for the end of whatever begins like an answer: a server that is no Kafka would never be told of. */
const cutStrangers = (line: Line): void => {
  const { socket } = line.connection;
  socket?.once("data", (first: Buffer) => {
    const length = first.length < 4 ? 4 : first.readInt32BE(0);
    if (length >= 4 && length < LONGEST_ANSWER) return;
    line.failure = new Error("what came is not Kafka's protocol");
    socket.destroy();
  });
};

/** @param entry what `findPackage` found; nothing is loaded or connected before the first request */
export const makeLink = (options: ClusterOptions, entry: string, sessionTimeout = 0): Link => {
  const context = contextOf(options);
  const lines = new Map<string, Promise<Line>>();
  const waiting = new Set<{ readonly name: string; readonly since: number }>();
  const open = new Set<RawConnection>();
  let known = new Map<number, Address>();
  const coordinators = new Map<string, Promise<Address>>();
  let loaded: Promise<Platformatic> | undefined;
  let codes: Platformatic | undefined;
  const ending = new AbortController();

  const lib = (): Promise<Platformatic> =>
    (loaded ??= loadPackage(entry).then((found) => {
      codes = found;
      return found;
    }));

  const timeoutOf = (purpose: Purpose): number =>
    purpose === "join" ? rebalanceTimeout(sessionTimeout) + JOIN_TIMEOUT : (options.requestTimeout ?? 30_000);

  const connect = async (address: Address, purpose: Purpose, gone: () => void): Promise<Line> => {
    const { Connection, apiVersionsV1 } = await lib();
    let tooOld = false;
    const broker = `${address.host}:${address.port}`;
    const connection = new Connection(options.clientId, optionsOf(options, address, timeoutOf(purpose)));
    connection.on("error", gone);
    connection.on("close", gone);
    open.add(connection);
    const made: Line = { connection, broker };
    try {
      const connecting = connection.connect(address.host, address.port);
      // It takes its own listener away after the first error.
      connection.socket?.on("error", () => undefined);
      connection.socket?.setKeepAlive(true, 60_000);
      cutStrangers(made);
      await connecting;
      if (ending.signal.aborted) throw new Error("Connection closed");
      if (purpose === "ask") tooOld = isTooOld((await ask(apiVersionsV1, made, "", "")).apiKeys);
    } catch (error) {
      gone();
      cut(connection);
      throw named(error, made);
    }
    if (!tooOld) return made;
    cut(connection);
    throw new ConfigError(
      `Broker ${broker} is older than Kafka 2.5, which ${PACKAGE} needs here; choose kafkajs as Client`,
    );
  };

  const cut = (connection: RawConnection): void => {
    open.delete(connection);
    connection.socket?.destroy();
  };

  const line = (address: Address, purpose: Purpose): Promise<Line> => {
    const key = `${address.host}:${address.port}/${purpose}`;
    const found = lines.get(key);
    if (found) return found;
    const made: Promise<Line> = connect(address, purpose, () => {
      if (lines.get(key) === made) lines.delete(key);
    });
    lines.set(key, made);
    return made;
  };

  const any = async (): Promise<Line> => {
    let failure: unknown;
    // Brokers that were found are tried too: those of the settings may have gone since.
    for (const address of [...options.brokers.map(addressOf), ...known.values()])
      try {
        return await line(address, "ask");
      } catch (error) {
        failure ??= error;
      }
    throw failure;
  };

  const track = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const one = { name, since: Date.now() };
    waiting.add(one);
    try {
      return await work;
    } finally {
      waiting.delete(one);
    }
  };

  const ask: Link["ask"] = async ({ api }, asked, ...args) => {
    try {
      return await track(codes?.protocolAPIsById[api.key] ?? "a request", api.async(asked.connection, ...args));
    } catch (error) {
      const answer = answerOf(error);
      if (answer !== undefined) return answer as Awaited<ReturnType<typeof api.async>>;
      throw named(error, asked);
    }
  };

  const errorOf = (code: number): ProtocolError => protocolError(codes, code);

  const metadata = async (topics: readonly string[] | null): Promise<RawMetadata> => {
    const { metadataV8 } = await lib();
    const answer = await ask(metadataV8, await any(), topics, false);
    known = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    return answer;
  };

  return {
    context,
    lib,
    any,
    async node(id, purpose) {
      if (!known.has(id)) await metadata([]);
      const address = known.get(id);
      if (!address) throw Object.assign(new Error(`Broker ${id} is away`), { type: "BROKER_NOT_AVAILABLE" });
      return line(address, purpose);
    },
    async coordinator(name, purpose, of = "group") {
      const key = `${of}/${name}`;
      const find = async (): Promise<Address> => {
        const { findCoordinatorV2 } = await lib();
        for (let tries = 1; ; tries++) {
          const answer = await ask(findCoordinatorV2, await any(), COORDINATORS[of], [name]);
          const [found] = answer.coordinators;
          if (found?.errorCode === 0) return found;
          const code = found?.errorCode ?? COORDINATOR_NOT_AVAILABLE;
          if (code !== COORDINATOR_NOT_AVAILABLE || tries >= FIND_TRIES) throw errorOf(code);
          await sleep(100 * tries, ending.signal);
        }
      };
      const asked = coordinators.get(key) ?? find();
      coordinators.set(key, asked);
      try {
        return await line(await asked, purpose);
      } catch (error) {
        if (coordinators.get(key) === asked) coordinators.delete(key);
        throw error;
      }
    },
    forgetCoordinator() {
      coordinators.clear();
    },
    ask,
    track,
    outstanding: () =>
      [...waiting].map(({ name, since }) => `${name} since ${Math.round((Date.now() - since) / 1000)} s`).join(", "),
    metadata,
    async check(code) {
      await lib();
      if (code !== 0) throw errorOf(code);
    },
    protocolError: errorOf,
    drop({ connection }) {
      cut(connection);
    },
    async close(limit = 2000) {
      ending.abort();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limit)));
      await Promise.race([Promise.allSettled([...open].map((connection) => connection.close())), late]);
      clearTimeout(timer);
      for (const connection of open) cut(connection);
    },
  };
};
