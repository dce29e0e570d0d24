/**
 * A lake on HDFS by its REST API (WebHDFS of a name node, HttpFS, or a gateway before them).
 * Protocol: https://hadoop.apache.org/docs/r3.4.2/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
 */
import { refusal } from "./remote-error";
import { type Entry, type FileStore, StoreError, isProblem, parentOf } from "./store";
import { NameNodes, type WebHdfsOptions, fromDataNode, locationOf } from "./webhdfs/name-nodes";
import { readFile } from "./webhdfs/read";

interface FileStatus {
  pathSuffix: string;
  type: "FILE" | "DIRECTORY";
  length: number;
  modificationTime: number;
  replication: number;
  blockSize: number;
}

const OCTETS = { "content-type": "application/octet-stream" };

export function webHdfsStore(options: WebHdfsOptions): FileStore {
  const { endpoints, root, client } = options;
  const nodes = new NameNodes(options);
  const askJson = nodes.askJson.bind(nodes);
  /** HttpFS 3.4.2 ignores `createparent=false`: there a file is made aside and renamed into its directory. */
  let ignoresCreateParent = false;

  const put: FileStore["create"] = async (path, body, create) => {
    const doing = `create ${root}/${path}`;
    const { url, answer } = await nodes.ask("PUT", "CREATE", path, {
      overwrite: false,
      createparent: create.createParent,
      replication: create.replication,
      blocksize: create.blockSize,
      permission: create.permission,
    });
    const location = locationOf(url, answer.status, answer.headers);
    if (!location) throw refusal(url, doing, answer);
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
    read: (path, offset, length) => readFile(nodes, path, offset, length),
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
