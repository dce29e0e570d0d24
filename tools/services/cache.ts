/** The cache outside git that holds what services are made of, filled by several processes at once without harm. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { progress } from "./progress";

/** Where everything fetched or built is kept: `CITYSTREAM_CACHE`, else `~/.cache/citystream`. */
export const cacheFolder = (): string => process.env["CITYSTREAM_CACHE"] || join(homedir(), ".cache", "citystream");

/**
 * The folder `name` of the cache, made by `make` when it is not there yet. `make` fills a folder of its own that gets
 * its name when it is complete, so that an interrupted install leaves nothing half-made.
 */
export async function cached(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  await locked(name, async () => {
    if (existsSync(folder)) return;
    const making = `${folder}.${process.pid}-${randomBytes(4).toString("hex")}`;
    await mkdir(making, { recursive: true });
    try {
      await make(making);
      await rename(making, folder);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  });
  return folder;
}

/** Runs `work` while no other process of this machine runs work under the same name. */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const lock = join(cacheFolder(), ".locks", name.replace(/[^\w.-]/g, "_"));
  await mkdir(join(lock, ".."), { recursive: true });
  const waiting = progress(name);
  const since = Date.now();
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = await ownerOf(lock);
    if (owner === "gone") await discard(lock);
    else {
      if (Date.now() - since > 2000) waiting.update(`waiting for process ${owner}, which is installing it`);
      await delay(100);
    }
  }
  try {
    await writeFile(join(lock, "pid"), String(process.pid));
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function ownerOf(lock: string): Promise<string> {
  try {
    const pid = Number(await readFile(join(lock, "pid"), "utf8"));
    if (pid > 0) return alive(pid) ? String(pid) : "gone";
  } catch {
    // the owner is just making it, or it was released
  }
  // an owner that died between making the lock and signing it
  const age = await stat(lock).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  );
  return age > 10_000 ? "gone" : "unknown";
}

/** Takes a dead owner's lock away. Of several processes that see it dead, one succeeds. */
async function discard(lock: string): Promise<void> {
  const aside = `${lock}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await rename(lock, aside);
  } catch {
    return;
  }
  // a new owner may have come between the look and the rename: then it gets its lock back
  if ((await ownerOf(aside)) === "gone") await rm(aside, { recursive: true, force: true });
  else await rename(aside, lock).catch(() => rm(aside, { recursive: true, force: true }));
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
