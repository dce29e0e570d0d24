/** Opens a lake from its settings, and tries it out for the "Test connection" button. */
import { randomBytes } from "node:crypto";
import { ConfigError, Retriable, messageOf } from "../errors";
import type { TlsOptions } from "../fields";
import { HttpClient } from "../http";
import { parseAddress } from "./address";
import { TEMPORARY } from "./directory";
import { localStore } from "./local";
import { type Store, StoreError, readAll } from "./store";
import { webHdfsStore } from "./webhdfs";

export interface LakeSettings {
  readonly address: string;
  readonly user: string;
  readonly tls?: TlsOptions | undefined;
  /** ms without an answer after which a request is given up. */
  readonly timeout?: number;
}

/** @throws ConfigError when the address is not one */
export function openStore(settings: LakeSettings): Store {
  const address = parseAddress(settings.address);
  if (address.kind === "folder") return localStore(address.folder);
  return webHdfsStore({
    endpoints: address.endpoints,
    root: address.root,
    user: settings.user,
    client: new HttpClient({ tls: settings.tls, ...(settings.timeout ? { timeout: settings.timeout } : {}) }),
  });
}

/** What the trial of a lake found. */
export interface Trial {
  readonly address: string;
  /** Copies and block size (bytes) that the store gave the probe file; absent for a local folder. */
  readonly replication?: number;
  readonly blockSize?: number;
  /** ms from the first request to the last answer */
  readonly took: number;
}

/**
 * Makes a directory, writes a probe file, reads it back and removes it.
 * @throws ConfigError that says at which step it failed and why
 */
export async function tryStore(store: Store): Promise<Trial> {
  const began = Date.now();
  const directory = `${TEMPORARY}/probe-${randomBytes(6).toString("hex")}`;
  const name = `${directory}/file`;
  const text = Buffer.from("citystream wrote this to try the lake; it may be removed\n");
  let step = "make a directory";
  try {
    // of a new name: a name node in safe mode says yes to a directory that is there
    await store.mkdirs(directory);
    step = "write a file";
    await store.create(name, [text], { createParent: true });
    step = "read back the file it wrote";
    const read = await readAll(store, name);
    if (!read.equals(text)) throw new StoreError("failed", `wrote ${text.length} bytes, read ${read.length} others`);
    const { replication, blockSize } = (await store.stat(name)) ?? {};
    step = "remove the file it wrote";
    await store.remove(directory);
    const took = Date.now() - began;
    return {
      address: store.address,
      took,
      ...(replication === undefined ? {} : { replication }),
      ...(blockSize === undefined ? {} : { blockSize }),
    };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const sort = error instanceof StoreError ? error.problem : error instanceof Retriable ? "unreachable" : "failed";
    throw new ConfigError(`Could not ${step} (${sort}): ${messageOf(error)}`, { cause: error });
  }
}
