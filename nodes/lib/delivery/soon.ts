import { messageOf } from "../errors";

const settled = Promise.resolve();

/** What `work` throws is a fault of the ledger: a warning of the process, never its end. */
const fault = (error: unknown): void => process.emitWarning(`delivery ledger: ${messageOf(error)}`);

/**
 * Calls `work` in a microtask, for a tenth of what queueMicrotask costs, which makes an AsyncResource each time.
 */
export const soon = (work: () => void): void => {
  settled.then(work).catch(fault);
};

/** Calls `work` in another turn of the event loop, after everything that nodes do in this one. */
export const nextTurn = (work: () => void): void => {
  setImmediate(() => {
    try {
      work();
    } catch (error) {
      fault(error);
    }
  });
};
