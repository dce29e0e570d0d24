import type { NodeContext as Store } from "node-red";
import { messageOf } from "../../lib/errors";
import type { History } from "../../lib/forecast/history";

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
const PREFIX = "windows.k";
/** A key as a property name: any text is allowed in a key. */
const nameOf = (key: string): string => PREFIX + Buffer.from(key, "utf8").toString("hex");

/**
 * @param store name of a context store; empty is the default one
 * @param warn told once when the store refuses
 */
export function keepWindows(
  context: Store,
  store: string,
  history: History,
  warn: (text: string) => void,
): KeptWindows {
  const where = store === "" ? undefined : store;
  const pending = new Set<string>();
  let warned = false;

  const write = (key: string): Promise<void> =>
    new Promise((resolve) => {
      context.set(nameOf(key), history.save(key), where, (error?: Error) => {
        if (error && !warned) {
          warned = true;
          warn(`Context store "${store}": the readings cannot be kept: ${messageOf(error)}`);
        }
        resolve();
      });
    });

  async function flush(): Promise<void> {
    const keys = [...pending];
    pending.clear();
    await Promise.all(keys.map(write));
  }

  const loaded = new Promise<void>((resolve) => {
    context.get("windows", where, (error: Error | null, found: unknown) => {
      if (error) warn(`Context store "${store}": the readings cannot be read: ${messageOf(error)}`);
      for (const [name, saved] of Object.entries((found ?? {}) as Record<string, unknown>)) {
        history.restore(Buffer.from(name.slice(1), "hex").toString("utf8"), saved);
      }
      resolve();
    });
  });
  const timer = setInterval(() => void flush(), INTERVAL);
  timer.unref();
  return {
    loaded,
    changed: (key) => void pending.add(key),
    dropped: (key) => void pending.add(key),
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
