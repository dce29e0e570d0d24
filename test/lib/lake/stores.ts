/** The stores that the lake's tests run on: a folder, a real WebHDFS, a real HttpFS. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Context } from "mocha";
import { openStore } from "../../../nodes/lib/lake/open";
import type { Store } from "../../../nodes/lib/lake/store";
import { serviceFor } from "../../../tools/services/for-test";

let counter = 0;

export interface TestStore {
  readonly name: string;
  /** A new, empty lake. */
  open(context: Context): Promise<Store>;
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

export const stores: readonly TestStore[] = [
  {
    name: "a local folder",
    open: async () => openStore({ address: `file://${path.join(temporaryFolder(), "lake")}`, user: "" }),
  },
  {
    name: "WebHDFS",
    async open(context) {
      const { url, user } = await serviceFor(context, "hdfs");
      return openStore({ address: `${url}${freshRoot()}`, user });
    },
  },
  {
    name: "HttpFS",
    async open(context) {
      const { user } = await serviceFor(context, "hdfs");
      const { url } = await serviceFor(context, "httpfs");
      return openStore({ address: `${url}${freshRoot()}`, user });
    },
  },
];
