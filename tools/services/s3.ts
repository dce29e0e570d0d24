/** versitygw, an S3 server that keeps its objects as files. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ServiceDefinition } from "./definition";
import { goInstall } from "./go";

const version = "1.8.0";

export interface S3Options {
  /** Buckets to make; `lake` when absent. */
  readonly buckets?: readonly string[];
  /** Knows keys of roles too, with session tokens that end. Not on Windows: its two parts talk by a socket in its folder. */
  readonly roles?: boolean;
}

export interface S3Address {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The first bucket. */
  readonly bucket: string;
  /** Where its objects lie, as files. */
  readonly folder: string;
  /** With `roles`: the file of its users, roles and their sessions, which is read at each request. */
  readonly sessions: string;
}

const install = (): Promise<string> =>
  goInstall("versitygw", version, "github.com/versity/versitygw/cmd/versitygw", "the S3 server", { CGO_ENABLED: "0" });

export const s3: ServiceDefinition<S3Options, S3Address> = {
  name: "s3",
  about: `versitygw ${version}, an S3 server on files, built once by Go`,
  install: async () => void (await install()),
  async prepare(place, options) {
    const program = join(await install(), process.platform === "win32" ? "versitygw.exe" : "versitygw");
    const address = `127.0.0.1:${await place.port("s3")}`;
    const [bucket = "lake", ...others] = options.buckets ?? [];
    const [accessKeyId, secretAccessKey] = ["citystream", "citystream-secret"];
    const data = join(place.directory, "data");
    const metadata = join(place.directory, "metadata");
    for (const folder of [metadata, ...[bucket, ...others].map((one) => join(data, one))])
      mkdirSync(folder, { recursive: true });
    const url = `http://${address}`;
    const root = ["--access", accessKeyId, "--secret", secretAccessKey];
    const known = join(place.directory, "iam");
    const socket = join(place.directory, "iam.sock");
    const iamAddress = `127.0.0.1:${await place.port("iam")}`;
    const iam = options.roles && {
      name: "iam",
      program,
      args: ["--port", iamAddress, ...root, "iam", "--dir", known, "--private-ports", socket],
      directory: place.directory,
      log: join(place.directory, "iam.log"),
      ready: /IAM private service listening on/u,
    };
    if (iam) mkdirSync(known, { recursive: true });
    const store = ["posix", "--sidecar", metadata, data];
    return {
      address: {
        url,
        region: "us-east-1",
        accessKeyId,
        secretAccessKey,
        bucket,
        folder: join(data, bucket),
        sessions: join(known, "iam.json"),
      },
      processes: [
        ...(iam ? [iam] : []),
        {
          name: "versitygw",
          program,
          args: ["--port", address, ...root, ...(iam ? ["--iam-standalone-endpoint", socket] : []), ...store],
          directory: place.directory,
          log: join(place.directory, "versitygw.log"),
          ready: async () => (await fetch(url)).status === 403,
        },
      ],
    };
  },
};
