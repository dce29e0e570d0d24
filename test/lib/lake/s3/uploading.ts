/** A writer that is killed: it takes a lane over and uploads an object of which the last part never comes. */
import { CommitLog } from "../../../../nodes/lib/lake/commit-log";
import { openStore } from "../../../../nodes/lib/lake/open";
import type { ObjectStore } from "../../../../nodes/lib/lake/store";

const [settings = "", lane = ""] = process.argv.slice(2);
const store = openStore(JSON.parse(settings) as Parameters<typeof openStore>[0]) as ObjectStore;

async function* endless(): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < 64; n++) yield Buffer.alloc(1024 * 1024, n);
  await new Promise(() => setInterval(() => undefined, 1_000));
}

void (async () => {
  const log = new CommitLog(store, lane);
  const hold = await log.claim();
  await store.put(log.temporary(hold, "1-1"), endless());
})();
