/** Settings that several nodes share, spread into their `fields`; their Korean words are in ko.json beside this file. */
import path from "node:path";
import type { NodeAPI } from "node-red";
import type { RetryPolicy } from "./delivery/contract";
import { number, text } from "./fields";

/** For a declaration's `sections`, beside `...deliveryFields()`. */
export const deliverySection = { delivery: "Delivery" } as const;

/** What every tracked source lets the user set about retries, time-out and dead letters. */
export const deliveryFields = () => ({
  attempts: number({
    label: "Attempts",
    default: 5,
    min: 1,
    integer: true,
    section: "delivery",
    hint: "Tries in all before a record becomes a dead letter. A server out of reach never counts as a try.",
  }),
  initialDelay: number({ label: "First delay (ms)", default: 500, min: 0, integer: true, section: "delivery" }),
  maxDelay: number({ label: "Longest delay (ms)", default: 30_000, min: 0, integer: true, section: "delivery" }),
  timeout: number({
    label: "Time-out (s)",
    default: 60,
    min: 1,
    section: "delivery",
    hint: "How long a record may rest in other nodes before it is sent again. Records that windows and sinks hold on purpose do not time out.",
  }),
  deadLetterFolder: text({
    label: "Dead letters",
    section: "delivery",
    hint: "Folder for records that failed for good. Empty: citystream/dead-letters in the user directory.",
  }),
});

/** Reads `deliveryFields()`: the retry policy, the time-out in ms and the absolute folder of dead letters. */
export function deliverySettings(
  RED: NodeAPI,
  settings: {
    attempts: number;
    initialDelay: number;
    maxDelay: number;
    timeout: number;
    deadLetterFolder: string;
  },
): { retry: RetryPolicy; timeout: number; deadLetterFolder: string } {
  const { attempts, initialDelay, maxDelay, timeout, deadLetterFolder } = settings;
  const userDir = RED.settings.userDir ?? process.cwd();
  return {
    retry: { attempts, initialDelay, maxDelay },
    timeout: timeout * 1000,
    deadLetterFolder: path.resolve(userDir, deadLetterFolder || "citystream/dead-letters"),
  };
}
