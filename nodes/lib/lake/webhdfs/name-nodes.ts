/** Questions to the name nodes of HDFS, to HttpFS or to a gateway before them; whichever answered last is asked first. */
import type { IncomingMessage } from "node:http";
import { Retriable, messageOf } from "../../errors";
import { answerOf, type HttpAnswer, type HttpClient, type HttpRequest } from "../../http";
import { refusal, remoteException } from "../remote-error";
import { StoreError } from "../store";
import type { Negotiate } from "./kerberos";
import { delegationTokens, type TokenSource } from "./tokens";

export interface WebHdfsOptions {
  /** `http://namenode:9870/webhdfs/v1`, one per name node. */
  readonly endpoints: readonly string[];
  /** Absolute path of the lake; "" for the root. */
  readonly root: string;
  /** `user.name` of simple authentication; empty: the server's default user. */
  readonly user: string;
  /** A delegation token in its URL form; it says who the user is, and `user` counts no more. */
  readonly token?: string | undefined;
  /** Logins by Kerberos, which take the place of both. */
  readonly negotiate?: Negotiate | undefined;
  readonly client: HttpClient;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
export type Method = HttpRequest["method"];

/** What a name node said, and under which address. */
export interface Answered {
  readonly url: URL;
  readonly answer: HttpAnswer;
}

/** An answer whose body is still to be read, unless it is a refusal. */
export interface Opened {
  readonly url: URL;
  readonly stream: IncomingMessage;
  readonly refused?: HttpAnswer;
}

const isRedirect = (status: number): boolean => status === 307 || status === 302 || status === 303;

const isTokenRefused = (answer: HttpAnswer): boolean => {
  const { exception = "", message = "" } = remoteException(answer) ?? {};
  return answer.status === 401 || /InvalidToken/u.test(`${exception} ${message}`);
};

/** Where a data node takes or gives the bytes; undefined when the answer does not send us there. */
export function locationOf(url: URL, status: number, { location }: HttpAnswer["headers"]): URL | undefined {
  return isRedirect(status) && location !== undefined ? new URL(location, url) : undefined;
}

/** Runs a request to a data node; when none answers, the error says who sent us there. */
export async function fromDataNode<T>(location: URL, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Retriable)) throw error;
    const hint = `the name node sends us to the data node ${location.host}; its host name (dfs.datanode.hostname) must be known here`;
    throw new StoreError("unreachable", `${messageOf(error)} (${hint})`, { cause: error });
  }
}

export class NameNodes {
  private active = 0;
  /** Of logins by Kerberos. */
  private readonly tokens: TokenSource | undefined;

  constructor(readonly options: WebHdfsOptions) {
    const { negotiate } = options;
    if (negotiate) this.tokens = delegationTokens(() => this.newToken(negotiate));
  }

  /** The whole answer of the first that is neither away nor in standby. @throws StoreError `unreachable` */
  ask(method: Method, op: string, path: string, query: Query = {}): Promise<Answered> {
    return this.firstOf(op, path, query, async (url) => {
      const answer = await this.options.client.request(url, { method });
      return [{ url, answer }, answer];
    });
  }

  /** As `ask`, by GET: bytes are a stream, which the caller reads or destroys. */
  open(op: string, path: string, query: Query, signal: AbortSignal): Promise<Opened> {
    return this.firstOf(op, path, query, async (url) => {
      const stream = await this.options.client.open(url, { method: "GET" }, signal);
      const status = stream.statusCode ?? 0;
      if (status === 200) return [{ url, stream }];
      if (locationOf(url, status, stream.headers)) {
        stream.resume();
        return [{ url, stream }];
      }
      const refused = await answerOf(stream);
      return [{ url, stream, refused }, refused];
    });
  }

  /** @param doing for people, such as `list` */
  async askJson<T>(method: Method, op: string, path: string, doing: string, query: Query = {}): Promise<T> {
    const { url, answer } = await this.ask(method, op, path, query);
    if (answer.status !== 200) throw refusal(url, `${doing} ${this.options.root}/${path}`, answer);
    try {
      return JSON.parse(answer.body.toString("utf8")) as T;
    } catch (cause) {
      throw new StoreError("setting", `${url.protocol}//${url.host} is not a WebHDFS server: no JSON`, { cause });
    }
  }

  /** @param action gives what was found, and the answer that may say that this one is in standby */
  private async firstOf<T>(
    op: string,
    path: string,
    query: Query,
    action: (url: URL) => Promise<readonly [found: T, answer?: HttpAnswer]>,
  ): Promise<T> {
    const token = await this.tokens?.();
    const [found, answer] = await this.tryAll(op, path, query, token ?? this.options.token, action);
    if (token === undefined || !answer || !isTokenRefused(answer)) return found;
    const [again] = await this.tryAll(op, path, query, await this.tokens?.(token), action);
    return again;
  }

  private async tryAll<T>(
    op: string,
    path: string,
    query: Query,
    token: string | undefined,
    action: (url: URL) => Promise<readonly [found: T, answer?: HttpAnswer]>,
  ): Promise<readonly [found: T, answer?: HttpAnswer]> {
    const { endpoints } = this.options;
    let failure: unknown;
    for (let tried = 0; tried < endpoints.length; tried++) {
      const index = (this.active + tried) % endpoints.length;
      const url = this.urlOf(endpoints[index] ?? "", path, op, query, token);
      try {
        const result = await action(url);
        const [, answer] = result;
        if (answer && /StandbyException/.test(remoteException(answer)?.exception ?? "")) {
          failure = refusal(url, `${op} ${path}`, answer);
          continue;
        }
        this.active = index;
        return result;
      } catch (error) {
        failure = error;
      }
    }
    if (failure instanceof Retriable) throw new StoreError("unreachable", failure.message, { cause: failure });
    throw failure;
  }

  private async newToken(negotiate: Negotiate): Promise<string> {
    const doing = "give a delegation token";
    const [{ url, answer }] = await this.tryAll("GETDELEGATIONTOKEN", "", {}, undefined, async (asked) => {
      const { authorization, verify } = await negotiate(asked.hostname);
      const given = await this.options.client.request(asked, { method: "GET", headers: { authorization } });
      if (given.status === 200) await verify(given.headers["www-authenticate"]);
      return [{ url: asked, answer: given }, given];
    });
    if (answer.status === 401)
      throw new StoreError("permission", `${url.protocol}//${url.host} does not take this Kerberos login (401)`);
    if (answer.status !== 200) throw refusal(url, doing, answer);
    const { Token: token } = JSON.parse(answer.body.toString("utf8")) as { Token?: { urlString?: string } };
    if (!token?.urlString)
      throw new StoreError("setting", `${url.protocol}//${url.host} gives no delegation tokens: does it use Kerberos?`);
    return token.urlString;
  }

  private urlOf(endpoint: string, path: string, op: string, query: Query, token: string | undefined): URL {
    const { root, user, negotiate } = this.options;
    const absolute = `${root}/${path}`.split("/").map(encodeURIComponent).join("/");
    const url = new URL(`${endpoint}${absolute === "/" ? "/" : absolute.replace(/\/$/, "")}`);
    url.searchParams.set("op", op);
    if (token) url.searchParams.set("delegation", token);
    else if (user && !negotiate) url.searchParams.set("user.name", user);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }
}
