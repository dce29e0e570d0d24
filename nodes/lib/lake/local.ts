/** A lake in a folder of this machine: what is said to be stored has been fsynced, file and directory. */
import { constants, createReadStream } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";
import { syncDirectory } from "../durable";
import { writeAll } from "../files/write-all";
import { asError } from "../errors";
import { type CreateOptions, type Entry, type FileStore, StoreError, type StoreProblem } from "./store";

const problems: Readonly<Record<string, StoreProblem>> = {
  EEXIST: "exists",
  ENOENT: "missing",
  ENOSPC: "full",
  EDQUOT: "full",
  EFBIG: "full",
  EACCES: "permission",
  EPERM: "permission",
  EROFS: "permission",
  ENAMETOOLONG: "invalid",
  ENOTDIR: "invalid",
  EISDIR: "invalid",
  EINVAL: "invalid",
};
const words: Partial<Record<StoreProblem, string>> = {
  exists: "exists already",
  missing: "does not exist",
  full: "can't be written: the disk is full or a quota is used up",
  permission: "can't be used: permission denied for the user that runs Node-RED",
  invalid: "is not a possible path here",
};

function storeError(file: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const cause = asError(error);
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const problem = problems[code] ?? "failed";
  return new StoreError(problem, `${file} ${words[problem] ?? `failed: ${cause.message}`}${code && ` (${code})`}`, {
    cause,
  });
}

/** Opens a folder as a store; the folder itself is made by the first write. */
export function localStore(root: string): FileStore {
  const at = (relative: string): string => (relative === "" ? root : path.join(root, ...relative.split("/")));
  const tried = async <T>(relative: string, action: (file: string) => Promise<T>): Promise<T> => {
    const file = at(relative);
    try {
      return await action(file);
    } catch (error) {
      throw storeError(file, error);
    }
  };
  const entry = async (file: string, name: string): Promise<Entry> => {
    const stats = await fs.stat(file);
    return { name, directory: stats.isDirectory(), bytes: stats.size, modified: stats.mtimeMs };
  };

  const store: FileStore = {
    kind: "files",
    address: `file://${root}`,
    create: (relative, body, options) =>
      tried(relative, async (file) => {
        if (options.createParent) await makeDirectories(path.dirname(file));
        await writeFile(file, body, options);
      }),
    rename: (from, to) =>
      tried(to, async (target) => {
        try {
          // link fails when the target exists, which rename does not
          await fs.link(at(from), target);
          await fs.unlink(at(from));
        } catch (error) {
          const code = (error as NodeJS.ErrnoException).code ?? "";
          if (code === "EEXIST") return false;
          if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code)) throw error;
          // file systems without hard links
          if (await store.stat(to)) return false;
          await fs.rename(at(from), target);
        }
        await syncDirectory(path.dirname(target));
        return true;
      }),
    list: async (relative) => {
      const directory = at(relative);
      try {
        const found: Entry[] = [];
        for (const name of (await fs.readdir(directory)).sort()) {
          // what is removed meanwhile is not listed
          await entry(path.join(directory, name), name).then((one) => found.push(one), ignoreMissing);
        }
        return found;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw storeError(directory, error);
      }
    },
    stat: (relative) =>
      tried<Entry | undefined>(relative, (file) => entry(file, path.basename(file)).catch(ignoreMissing)),
    read: (relative, offset = 0, length = Infinity) =>
      tried(relative, async (file) => {
        const handle = await fs.open(file, constants.O_RDONLY);
        return createReadStream("", {
          fd: handle,
          start: offset,
          end: offset + length - 1,
        }) as AsyncIterable<Uint8Array>;
      }),
    remove: (relative) => tried(relative, (file) => fs.rm(file, { recursive: true, force: true })),
    mkdirs: (relative) => tried(relative, makeDirectories),
    close: () => undefined,
  };
  return store;
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

async function writeFile(
  file: string,
  body: Parameters<FileStore["create"]>[1],
  options: CreateOptions,
): Promise<void> {
  const handle = await fs.open(file, "wx", options.permission ? Number.parseInt(options.permission, 8) : 0o644);
  try {
    for await (const part of body) await writeAll(handle, part);
    await handle.sync();
  } catch (error) {
    await handle.close();
    // half a file helps nobody, and on a full disk it is in the way
    await fs.rm(file, { force: true }).catch(() => undefined);
    throw error;
  }
  await handle.close();
}

async function makeDirectories(directory: string): Promise<void> {
  const first = await fs.mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
    if (made === path.dirname(made)) break;
  }
}
