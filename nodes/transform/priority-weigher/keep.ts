/** The previous records of all keys in a Node-RED context store, block by block, so that they survive a restart. */
import { ConfigError, messageOf } from "../../lib/errors";
import type { NodeContext } from "../../lib/node-context";
import { paced } from "../../lib/paced";
import { isObject } from "../../lib/stream/record";
import type { BlockSnapshot } from "../../lib/stream/recent";
import type { WeighedField, Weigher } from "../../lib/stream/weigher";

export interface Kept {
  /** Resolves when what was kept is back in the weigher; never rejects. */
  readonly restored: Promise<void>;
  /** Tells that records were weighed: they are saved in a while. */
  changed(): void;
  /** Saves what is unsaved. */
  close(): Promise<void>;
}

const HEAD = "weigher";
const VERSION = 1;
const blockName = (block: number): string => `weigher-${block}`;

/** Throws a ConfigError when the runtime has no such store. */
export function keepIn(
  node: Pick<NodeContext, "RED" | "node" | "log" | "warn">,
  store: string,
  seconds: number,
  weigher: Weigher,
  fields: readonly WeighedField[],
): Kept {
  const stores = Object.keys((node.RED.settings as { contextStorage?: object }).contextStorage ?? {});
  if (!stores.includes(store)) {
    const known = stores.length > 0 ? `it has ${stores.join(", ")}` : "it has none";
    throw new ConfigError(`Context store: there is no "${store}" under contextStorage in settings.js; ${known}`);
  }
  const context = node.node?.context();
  const get = (name: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      context?.get(name, store, (error: Error | null, value: unknown) => (error ? reject(error) : resolve(value)));
    });
  const set = (name: string, value: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      context?.set(name, value, store, (error?: Error | null) => (error ? reject(error) : resolve()));
    });

  const head = { version: VERSION, fields: fields.map((field) => field.path), blocks: 0 };
  let working: Promise<void> = restore();
  let failing = false;

  async function restore(): Promise<void> {
    try {
      const found = await get(HEAD);
      if (!isObject(found)) return;
      if (found["version"] !== VERSION || JSON.stringify(found["fields"]) !== JSON.stringify(head.fields)) {
        node.warn("the fields have changed since previous records were kept: every key begins anew");
        return;
      }
      for (let block = 0; block < Number(found["blocks"]); block++) {
        const snapshot = await get(blockName(block));
        if (!isObject(snapshot) || !weigher.restore(snapshot as unknown as BlockSnapshot))
          node.warn(`a part of the kept records (${blockName(block)}) is missing or damaged; its keys begin anew`);
      }
      node.log(`the previous records of ${weigher.keys} keys are back`);
    } catch (error) {
      node.warn(`the kept records could not be read, every key begins anew: ${messageOf(error)}`);
    }
  }

  /** One block a turn of the event loop, so that a million keys do not stop the flow. */
  async function save(): Promise<void> {
    const blocks = weigher.takeChanged();
    const failed: number[] = [];
    for (const block of blocks) {
      try {
        await set(blockName(block), weigher.snapshot(block));
        if (block >= head.blocks) {
          head.blocks = block + 1;
          await set(HEAD, { ...head });
        }
        failing = false;
      } catch (error) {
        failed.push(block);
        if (!failing) node.warn(`previous records could not be kept, tried again: ${messageOf(error)}`);
        failing = true;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    weigher.putBack(failed);
  }

  const restored = working;
  const later = paced(() => void (working = working.then(save)), seconds * 1000);
  return {
    restored,
    changed: later,
    async close() {
      later.stop();
      await (working = working.then(save));
    },
  };
}
