/** The one delivery ledger of the process. */
import type { NodeAPI } from "node-red";
import type { Delivery } from "./contract";

const LEDGER = Symbol.for("citystream.delivery");

export function deliveryOf(_RED: NodeAPI): Delivery {
  const found = (globalThis as unknown as Record<symbol, Delivery | undefined>)[LEDGER];
  if (!found) throw new Error("the delivery ledger has not been made");
  return found;
}
