/**
 * A lake on HDFS by its REST API (WebHDFS of a name node, HttpFS, or a gateway before them).
 * Protocol: https://hadoop.apache.org/docs/r3.4.2/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
 */
import type { IncomingMessage } from "node:http";
import { type HttpAnswer, type HttpClient, type HttpRequest } from "../http";
import { Retriable, messageOf } from "../errors";
import { refusal, remoteException } from "./remote-error";
import { type Entry, type FileStore, StoreError, isProblem, parentOf } from "./store";

export interface WebHdfsOptions {
  /** `http://namenode:9870/webhdfs/v1`, one per name node. */
  readonly endpoints: readonly string[];
  /** Absolute path of the lake; "" for the root. */
  readonly root: string;
  /** `user.name` of simple authentication; empty: the server's default user. */
  readonly user: string;
  /** A delegation token in its URL form; it says who the user is, and `user` counts no more. */
  readonly token?: string | undefined;
  readonly client: HttpClient;
}

interface FileStatus {
  pathSuffix: string;
  type: "FILE" | "DIRECTORY";
  length: number;
  modificationTime: number;
  replication: number;
  blockSize: number;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;
type Method = HttpRequest["method"];

const OCTETS = { "content-type": "application/octet-stream" };
const isRedirect = (status: number): boolean => status === 307 || status === 302 || status === 303;

export function webHdfsStore(options: WebHdfsOptions): FileStore {
  const { endpoints, root, user, token, client } = options;
  let active = 0;
  /** HttpFS 3.4.2 ignores `createparent=false`: there a file is made aside and renamed into its directory. */
  let ignoresCreateParent = false;

  const urlOf = (endpoint: string, path: string, op: string, query: Query): URL => {
    const absolute = `${root}/${path}`.split("/").map(encodeURIComponent).join("/");
    const url = new URL(`${endpoint}${absolute === "/" ? "/" : absolute.replace(/\/$/, "")}`);
    url.searchParams.set("op", op);
    if (token) url.searchParams.set("delegation", token);
    else if (user) url.searchParams.set("user.name", user);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  };

  /** Asks the name node that answered last, then the others when it is away or in standby. */
  const ask = async (
    method: Method,
    op: string,
    path: string,
    query: Query = {},
  ): Promise<{ url: URL; answer: HttpAnswer }> => {
    let failure: unknown;
    for (let tried = 0; tried < endpoints.length; tried++) {
      const index = (active + tried) % endpoints.length;
      const url = urlOf(endpoints[index] ?? "", path, op, query);
      try {
        const answer = await client.request(url, { method });
        if (/StandbyException/.test(remoteException(answer)?.exception ?? "")) {
          failure = refusal(url, `${op} ${path}`, answer);
          continue;
        }
        active = index;
        return { url, answer };
      } catch (error) {
        failure = error;
      }
    }
    if (failure instanceof Retriable) throw new StoreError("unreachable", failure.message, { cause: failure });
    throw failure;
  };

  const askJson = async <T>(method: Method, op: string, path: string, doing: string, query: Query = {}): Promise<T> => {
    const { url, answer } = await ask(method, op, path, query);
    if (answer.status !== 200) throw refusal(url, `${doing} ${root}/${path}`, answer);
    try {
      return JSON.parse(answer.body.toString("utf8")) as T;
    } catch (cause) {
      throw new StoreError("setting", `${url.protocol}//${url.host} is not a WebHDFS server: no JSON`, { cause });
    }
  };

  /** Where a data node takes or gives the bytes. */
  const locationOf = (url: URL, doing: string, answer: HttpAnswer): URL => {
    const { location } = answer.headers;
    if (!isRedirect(answer.status) || location === undefined) throw refusal(url, doing, answer);
    return new URL(location, url);
  };

  const fromDataNode = async <T>(location: URL, action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof Retriable)) throw error;
      const hint = `the name node sends us to the data node ${location.host}; its host name (dfs.datanode.hostname) must be known here`;
      throw new StoreError("unreachable", `${messageOf(error)} (${hint})`, { cause: error });
    }
  };

  const put: FileStore["create"] = async (path, body, create) => {
    const doing = `create ${root}/${path}`;
    const { url, answer } = await ask("PUT", "CREATE", path, {
      overwrite: false,
      createparent: create.createParent,
      replication: create.replication,
      blocksize: create.blockSize,
      permission: create.permission,
    });
    const location = locationOf(url, doing, answer);
    if (location.searchParams.get("data") === "true") ignoresCreateParent = true;
    if (ignoresCreateParent && !create.createParent) {
      await putAside(path, body, { ...create, createParent: true });
      return;
    }
    const stored = await fromDataNode(location, () =>
      client.request(location, { method: "PUT", headers: OCTETS, body }),
    );
    if (stored.status !== 201 && stored.status !== 200) throw refusal(location, doing, stored);
  };

  /** RENAME into a directory that is gone answers false, on HttpFS too: it fences where `createparent` does not. */
  const putAside: FileStore["create"] = async (path, body, create) => {
    const directory = parentOf(path);
    const aside = `${directory}.part/${path.slice(directory.length + 1)}`;
    await put(aside, body, create);
    if (!(await store.rename(aside, path))) throw new StoreError("exists", `${root}/${path} exists already`);
  };

  const store: FileStore = {
    kind: "files",
    address: `${(endpoints[0] ?? "").replace(/\/webhdfs\/v1$/, "")}${root}`,
    create: put,
    async rename(from, to) {
      const target = `${root}/${to}`;
      const { boolean } = await askJson<{ boolean: boolean }>("PUT", "RENAME", from, "rename", { destination: target });
      if (boolean) return true;
      if (await store.stat(to)) return false;
      throw new StoreError(
        "missing",
        `can't rename ${root}/${from} to ${target}: the file or the directory it goes to is not there`,
      );
    },
    async list(path) {
      try {
        const { FileStatuses } = await askJson<{ FileStatuses: { FileStatus: FileStatus[] } }>(
          "GET",
          "LISTSTATUS",
          path,
          "list",
        );
        return FileStatuses.FileStatus.map((status) => entryOf(status, status.pathSuffix)).sort((a, b) =>
          a.name < b.name ? -1 : 1,
        );
      } catch (error) {
        if (isProblem(error, "missing")) return [];
        throw error;
      }
    },
    async stat(path) {
      try {
        const { FileStatus: status } = await askJson<{ FileStatus: FileStatus }>(
          "GET",
          "GETFILESTATUS",
          path,
          "look at",
        );
        return entryOf(status, path.slice(path.lastIndexOf("/") + 1));
      } catch (error) {
        if (isProblem(error, "missing")) return undefined;
        throw error;
      }
    },
    async read(path, offset = 0, length) {
      const doing = `read ${root}/${path}`;
      let { url, stream } = await openStream(
        urlOf(endpoints[active] ?? "", path, "OPEN", { offset: offset > 0 ? offset : undefined, length }),
      );
      if (isRedirect(stream.statusCode ?? 0) && stream.headers.location !== undefined) {
        stream.resume();
        const location = new URL(stream.headers.location, url);
        ({ url, stream } = await fromDataNode(location, () => openStream(location)));
      }
      if (stream.statusCode === 200) return stream as AsyncIterable<Uint8Array>;
      const parts: Buffer[] = [];
      for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
      const answer = { status: stream.statusCode ?? 0, headers: stream.headers, body: Buffer.concat(parts) };
      // From its end on a file holds nothing; HDFS does not think so.
      if (offset > 0 && /out of the range/u.test(remoteException(answer)?.message ?? ""))
        return (async function* none() {})();
      throw refusal(url, doing, answer);
    },
    async remove(path) {
      await askJson("DELETE", "DELETE", path, "remove", { recursive: true }).catch((error: unknown) => {
        if (!isProblem(error, "missing")) throw error;
      });
    },
    async mkdirs(path, permission) {
      const made = await askJson<{ boolean: boolean }>("PUT", "MKDIRS", path, "make", { permission });
      if (!made.boolean) throw new StoreError("failed", `the name node did not make the directory ${root}/${path}`);
    },
    close: () => client.close(),
  };

  const openStream = async (url: URL): Promise<{ url: URL; stream: IncomingMessage }> => ({
    url,
    stream: await client.open(url, { method: "GET" }),
  });
  return store;
}

const entryOf = (status: FileStatus, name: string): Entry => ({
  name,
  directory: status.type === "DIRECTORY",
  bytes: status.length,
  modified: status.modificationTime,
  replication: status.replication,
  blockSize: status.blockSize,
});
