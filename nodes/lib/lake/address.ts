/** Where a lake is, as its user writes it. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../errors";

export type LakeAddress =
  | { readonly kind: "folder"; readonly folder: string }
  | {
      readonly kind: "webhdfs";
      /** Where the REST API begins, one per name node: `http://namenode:9870/webhdfs/v1`. */
      readonly endpoints: readonly string[];
      /** Absolute path on HDFS below which the lake lies; "" for the file system's root. */
      readonly root: string;
    }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      /** Begins every key; "" or ends with "/". */
      readonly prefix: string;
    };

const API = "/webhdfs/v1";
const EXAMPLES =
  "file:///data/lake, s3://bucket/lake, http://namenode:9870/lake or https://gateway:8443/gateway/default/webhdfs/v1/lake";

/**
 * Reads `file://` folders and WebHDFS, HttpFS or Knox addresses; several name nodes are separated by commas:
 * `http://nn1:9870,nn2:9870/lake`. `webhdfs://` and `swebhdfs://` mean http and https. `s3://bucket/lake` is a bucket.
 * @throws ConfigError saying what is wrong with the address
 */
export function parseAddress(address: string): LakeAddress {
  const written = address.trim();
  if (written === "") throw new ConfigError(`Lake: the address is empty. Enter one such as ${EXAMPLES}.`);
  if (/^file:/i.test(written)) return { kind: "folder", folder: folderOf(written) };
  if (/^s3:/i.test(written)) return bucketOf(written);
  const match = /^(https?|s?webhdfs):\/\/([^/]+)(\/.*)?$/i.exec(written);
  if (!match) throw new ConfigError(`Lake: "${written}" is not an address. Enter one such as ${EXAMPLES}.`);
  const [, scheme = "", hosts = "", rest = ""] = match;
  const protocol = /^(https|swebhdfs)$/i.test(scheme) ? "https:" : "http:";
  const api = rest.indexOf(API);
  const prefix = api < 0 ? API : rest.slice(0, api + API.length);
  const root = (api < 0 ? rest : rest.slice(api + API.length)).replace(/\/+$/, "");
  const endpoints = hosts.split(",").map((host) => {
    const endpoint = `${protocol}//${host.trim().replace(/^\w+:\/\//, "")}${prefix}`;
    if (!URL.canParse(endpoint)) throw new ConfigError(`Lake: "${host}" in "${written}" is not a host and port.`);
    if (new URL(endpoint).username) throw new ConfigError("Lake: enter the user in its own field, not in the address.");
    return endpoint;
  });
  return { kind: "webhdfs", endpoints, root: decode(root, written) };
}

function folderOf(address: string): string {
  try {
    // file://./lake and file:lake lie below the working directory, as a shell would have it
    const relative = /^file:(?:\/\/)?(\.{1,2}(?:\/.*)?|[^/].*)$/i.exec(address)?.[1];
    if (relative !== undefined && !/^file:\/\/[^./]/i.test(address)) return path.resolve(decodeURIComponent(relative));
    return fileURLToPath(address);
  } catch (cause) {
    throw new ConfigError(`Lake: "${address}" is not a folder on this machine. Write file:///data/lake.`, { cause });
  }
}

/** Names of buckets: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; some servers take more. */
function bucketOf(address: string): LakeAddress {
  const [, bucket = "", below = ""] = /^s3:\/\/([A-Za-z0-9][\w.-]{1,62})(\/.*)?$/i.exec(address) ?? [];
  if (bucket === "")
    throw new ConfigError(
      `Lake: "${address}" names no bucket. Write s3://bucket/lake; the server goes into its own field.`,
    );
  const root = decode(below, address).replace(/^\/+|\/+$/gu, "");
  return { kind: "s3", bucket, prefix: root === "" ? "" : `${root}/` };
}

function decode(root: string, written: string): string {
  try {
    return decodeURIComponent(root).replace(/\/{2,}/g, "/");
  } catch (cause) {
    throw new ConfigError(`Lake: the path in "${written}" has a "%" that encodes nothing. Write it as %25.`, { cause });
  }
}
