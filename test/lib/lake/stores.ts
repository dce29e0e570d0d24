/** The stores that the lake's tests run on: a folder, a real WebHDFS, a real HttpFS, a real S3 server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Context } from "mocha";
import { openStore } from "../../../nodes/lib/lake/open";
import type { FileStore, LakeStore, ObjectStore } from "../../../nodes/lib/lake/store";
import { serviceFor } from "../../../tools/services/for-test";

let counter = 0;

export interface TestStore<S extends LakeStore = LakeStore> {
  readonly name: string;
  /** A new, empty lake. */
  open(context: Context): Promise<S>;
}

const folders: string[] = [];

/** A new folder that is removed when the tests end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-lake-"));
  folders.push(folder);
  return folder;
}
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A path on HDFS that no other test uses. */
export const freshRoot = (): string => `/test-${process.pid}-${Date.now()}-${++counter}`;

const files = async (...settings: Parameters<typeof openStore>): Promise<FileStore> =>
  openStore(...settings) as FileStore;

export const fileStores: readonly TestStore<FileStore>[] = [
  {
    name: "a local folder",
    open: async () => files({ address: `file://${path.join(temporaryFolder(), "lake")}`, user: "" }),
  },
  {
    name: "WebHDFS",
    async open(context) {
      const { url, user } = await serviceFor(context, "hdfs");
      return files({ address: `${url}${freshRoot()}`, user });
    },
  },
  {
    name: "HttpFS",
    async open(context) {
      const { user } = await serviceFor(context, "hdfs");
      const { url } = await serviceFor(context, "httpfs");
      return files({ address: `${url}${freshRoot()}`, user });
    },
  },
];

export const s3: TestStore<ObjectStore> = {
  name: "S3",
  async open(context) {
    const { url, bucket, region, accessKeyId, secretAccessKey } = await serviceFor(context, "s3");
    const address = `s3://${bucket}${freshRoot()}`;
    return openStore({ address, user: "", s3: { endpoint: url, region, accessKeyId, secretAccessKey } }) as ObjectStore;
  },
};

export const stores: readonly TestStore[] = [...fileStores, s3];
