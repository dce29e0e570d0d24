/** A folder of a lake in HDFS, fetched over WebHDFS by requests of its own and read as files of this machine are. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { LakeFormat } from "./flow";
import { Tally } from "./numbers";
import { isHidden, valuesIn, type Place } from "./places";

export interface Hdfs {
  /** Of the name node, without a path. */
  readonly url: string;
  readonly user: string;
}

interface FileStatus {
  readonly pathSuffix: string;
  readonly type: "FILE" | "DIRECTORY";
}

const ask = async ({ url, user }: Hdfs, at: string, operation: string, method = "GET"): Promise<Response> =>
  // An OPEN is answered with the data node's address, which `fetch` follows.
  fetch(`${url}/webhdfs/v1${encodeURI(at)}?op=${operation}&user.name=${user}`, { method });

const answered = async (answer: Response, what: string): Promise<Response> => {
  if (!answer.ok) throw new Error(`HDFS answered ${answer.status} to ${what}: ${await answer.text()}`);
  return answer;
};

/** Paths of all files below a folder, as readers of lakes see it; none when it is not there. */
async function filesBelow(hdfs: Hdfs, folder: string): Promise<string[]> {
  const listed = await ask(hdfs, folder, "LISTSTATUS");
  if (listed.status === 404) return [];
  const { FileStatuses } = (await (await answered(listed, `LISTSTATUS ${folder}`)).json()) as {
    FileStatuses: { FileStatus: readonly FileStatus[] };
  };
  const found: string[] = [];
  for (const { pathSuffix, type } of FileStatuses.FileStatus) {
    if (isHidden(pathSuffix)) continue;
    const below = `${folder}/${pathSuffix}`;
    if (type === "FILE") found.push(below);
    else found.push(...(await filesBelow(hdfs, below)));
  }
  return found;
}

/** @param scratch a folder of this machine for what is fetched */
export function hdfsPlace(
  seed: string,
  hdfs: Hdfs,
  folder: string,
  scratch: string,
  format: LakeFormat = "ndjson",
): Place {
  const tally = new Tally(seed);
  const seen = new Set<string>();
  return {
    name: "lake",
    tally,
    async look() {
      const fresh = (await filesBelow(hdfs, folder)).filter((file) => !seen.has(file));
      if (fresh.length === 0) return;
      mkdirSync(scratch, { recursive: true });
      const fetched: string[] = [];
      for (const file of fresh) {
        const answer = await answered(await ask(hdfs, file, "OPEN"), `OPEN ${file}`);
        const here = path.join(scratch, String(fetched.length));
        writeFileSync(here, Buffer.from(await answer.arrayBuffer()));
        fetched.push(here);
        seen.add(file);
      }
      for (const value of await valuesIn(fetched, format)) tally.see(value);
      rmSync(scratch, { recursive: true });
    },
  };
}

/** Removes a folder and all below it. */
export const removeFromHdfs = async (hdfs: Hdfs, folder: string): Promise<void> => {
  await answered(await ask(hdfs, folder, "DELETE&recursive=true", "DELETE"), `DELETE ${folder}`);
};
