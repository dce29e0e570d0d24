/** The delivery ledger of a Node-RED process: `deliveryOf(RED)`. */
import type { NodeAPI } from "node-red";
import type { Delivery } from "./contract";
import { Hooks } from "./hooks";
import type { Red } from "./red";

/** Two copies of the pack in one process share one ledger: it must see every message once. */
const LEDGERS = Symbol.for("citystream.delivery.1");
type Shared = typeof globalThis & { [LEDGERS]?: WeakMap<object, Delivery> };

/**
 * The ledger of the Node-RED that `RED` belongs to. Sources ask for it in their constructors at the latest, so that it
 * sees flows start.
 *
 * @throws Error when `RED.hooks` is missing, as with node-red-node-test-helper: give that `require("node-red").hooks`.
 */
export function deliveryOf(RED: NodeAPI | Red): Delivery {
  const red = RED as unknown as Red;
  if (red.hooks === undefined) throw new Error("RED.hooks is missing: the delivery ledger needs Node-RED 4.1 or later");
  const shared = globalThis as Shared;
  shared[LEDGERS] ??= new WeakMap();
  const known = shared[LEDGERS].get(red.hooks);
  if (known !== undefined) return known;
  const made = new Hooks(red);
  shared[LEDGERS].set(red.hooks, made);
  return made;
}
