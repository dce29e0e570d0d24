/**
 * Keeps two processes of one machine from using a folder at once. The lock is a local socket (a named pipe on Windows) that
 * somebody listens on: the system closes it with its process, however that ends, so that no lock is left behind.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpath, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ConfigError } from "../errors";

export interface FolderLock {
  release(): Promise<void>;
}

const addressOf = async (folder: string): Promise<string> => {
  const name = `citystream-${createHash("sha256")
    .update(await realpath(folder))
    .digest("hex")
    .slice(0, 32)}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : path.join(tmpdir(), `${name}.lock`);
};

const listening = async (address: string): Promise<Server | undefined> => {
  const server = createServer((socket) => socket.destroy());
  server.listen(address);
  try {
    await once(server, "listening");
    return server.unref();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
};

const answers = async (address: string): Promise<boolean> => {
  const socket = connect(address);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
};

/**
 * Takes the lock of an existing folder.
 *
 * @throws ConfigError when another process, or another part of this one, has it
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const address = await addressOf(folder);
  for (let tries = 0; ; tries++) {
    const server = await listening(address);
    if (server)
      return {
        release: () => new Promise((resolve) => server.close(() => resolve())),
      };
    if (tries > 0 || (await answers(address)))
      throw new ConfigError(`${folder} is in use by another process; give each its own folder`);
    // Left behind by a process that was killed.
    await unlink(address).catch(() => undefined);
  }
}
