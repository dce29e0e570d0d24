import { ConfigError, messageOf } from "../../lib/errors";
import type { History } from "../../lib/forecast/history";
import type { NodeContext } from "../../lib/node-context";
import { paced } from "../../lib/paced";
import { isObject } from "../../lib/stream/record";

/** Keeps a history in the node's context, so that its windows outlive a deploy and, by the store, a restart. */
export interface KeptWindows {
  /** Resolves when what the context holds is in the history. */
  readonly loaded: Promise<void>;
  /** The key's readings changed: they are written within a second. */
  changed(key: string): void;
  /** The key gave way. */
  dropped(key: string): void;
  close(): Promise<void>;
}

const INTERVAL = 1_000;
const TURN = 1_000;
const PREFIX = "windows.k";
/** A key as a property name: any text is allowed in a key. */
const nameOf = (key: string): string => PREFIX + Buffer.from(key, "utf8").toString("hex");
const keyOf = (name: string): string => Buffer.from(name.slice(1), "hex").toString("utf8");

/**
 * @param store name of a context store; empty is Node-RED's default one
 * @throws ConfigError when the runtime has no such store
 */
export function keepWindows(
  node: Pick<NodeContext, "RED" | "node" | "warn">,
  store: string,
  history: History,
): KeptWindows {
  const stores = Object.keys((node.RED.settings as { contextStorage?: object }).contextStorage ?? {});
  if (store !== "" && !stores.includes(store)) {
    const known = stores.length > 0 ? `it has ${stores.join(", ")}` : "it has none";
    throw new ConfigError(`Context store: there is no "${store}" under contextStorage in settings.js; ${known}`);
  }
  const where = store === "" ? undefined : store;
  const context = node.node?.context();
  const pending = new Set<string>();
  let failing = false;
  let writing: Promise<void> = Promise.resolve();

  const write = (key: string): Promise<void> =>
    new Promise((resolve) => {
      context?.set(nameOf(key), history.save(key), where, (error?: Error | null) => {
        if (error) {
          pending.add(key);
          if (!failing) node.warn(`the readings could not be kept, tried again: ${messageOf(error)}`);
        }
        failing = Boolean(error);
        resolve();
      });
    });

  /** A thousand keys a turn of the event loop, so that many of them do not stop the flow. */
  async function flush(): Promise<void> {
    const keys = [...pending];
    pending.clear();
    for (let from = 0; from < keys.length; from += TURN) {
      await Promise.all(keys.slice(from, from + TURN).map(write));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const loaded = new Promise<void>((resolve) => {
    context?.get("windows", where, (error: Error | null, found: unknown) => {
      if (error) node.warn(`the kept readings could not be read, every series begins anew: ${messageOf(error)}`);
      const entries = Object.entries(isObject(found) ? found : {});
      const back = entries.filter(([name, saved]) => history.restore(keyOf(name), saved)).length;
      if (back < entries.length)
        node.warn(`${entries.length - back} of the kept series do not fit this model and begin anew`);
      resolve();
    });
  });
  const later = paced(() => void (writing = writing.then(flush)), INTERVAL);
  const changed = (key: string): void => {
    pending.add(key);
    later();
  };
  return {
    loaded,
    changed,
    dropped: changed,
    async close() {
      later.stop();
      await (writing = writing.then(flush));
    },
  };
}
