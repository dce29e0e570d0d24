/** Opens a lake from its settings, and tries it out for the "Test connection" button. */
import { randomBytes } from "node:crypto";
import { ConfigError, Retriable, messageOf } from "../errors";
import type { TlsOptions } from "../fields";
import { HttpClient } from "../http";
import { parseAddress } from "./address";
import { TEMPORARY } from "./directory";
import { localStore } from "./local";
import { credentialSource, type KeySettings } from "./s3/credentials";
import type { S3Options } from "./s3/requests";
import { s3Store } from "./s3/store";
import { type LakeStore, type Store, StoreError, isProblem, readAll } from "./store";
import { webHdfsStore } from "./webhdfs";

export interface LakeSettings {
  readonly address: string;
  readonly user: string;
  /** Of HDFS: a delegation token in place of the user. */
  readonly token?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** ms without an answer after which a request is given up. */
  readonly timeout?: number;
  /** Of S3. */
  readonly s3?: S3Settings | undefined;
  /** Node-RED's user directory, where optional packages are. */
  readonly userDir?: string | undefined;
}

export interface S3Settings extends KeySettings {
  /** A server that speaks S3; empty: Amazon's of the region. */
  readonly endpoint?: string;
  readonly region?: string;
}

/** @throws ConfigError when the address is not one */
export function openStore(settings: LakeSettings): LakeStore {
  const address = parseAddress(settings.address);
  if (address.kind === "folder") return localStore(address.folder);
  const client = new HttpClient({ tls: settings.tls, ...(settings.timeout ? { timeout: settings.timeout } : {}) });
  if (address.kind === "s3") return s3Store({ ...address, ...accessOf(settings.s3, settings.userDir), client });
  const { endpoints, root } = address;
  return webHdfsStore({ endpoints, root, user: settings.user, token: settings.token?.trim(), client });
}

type Access = Omit<S3Options, "bucket" | "prefix" | "client">;

/** What is left empty is looked for in the environment, under the names that Amazon's tools use. */
function accessOf(settings: S3Settings = {}, userDir: string | undefined): Access {
  const { env } = process;
  const server = settings.endpoint?.trim() || env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"] || "";
  const endpoint = server.replace(/\/+$/u, "");
  if (endpoint !== "" && !(URL.canParse(endpoint) && /^https?:/iu.test(endpoint)))
    throw new ConfigError(
      `S3 server: "${endpoint}" is not an address; write for example http://minio:9000, or leave it empty for Amazon S3.`,
    );
  const region = settings.region?.trim() || env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || "us-east-1";
  return { endpoint: endpoint || undefined, region, credentials: credentialSource(settings, region, userDir) };
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
    step = "refuse to write over a file";
    await store.create(name, [text], { createParent: true }).then(
      () => {
        throw new StoreError("setting", "it writes over what is there, so nothing can be stored exactly once");
      },
      (error: unknown) => {
        if (!isProblem(error, "exists")) throw error;
      },
    );
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
