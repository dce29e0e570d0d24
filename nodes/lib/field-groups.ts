/** Settings that several nodes share, spread into their `fields`; their Korean words are in ko.json beside this file. */
import path from "node:path";
import type { NodeAPI } from "node-red";
import type { BreakerPolicy, RetryPolicy } from "./delivery/contract";
import { number, text, type Field, type Fields, type Settings } from "./fields";

/** In the user directory. */
export const DEAD_LETTER_FOLDER = "citystream/dead-letters";

export interface DeliverySettings {
  readonly retry: RetryPolicy;
  readonly timeout: number;
  readonly breaker: BreakerPolicy;
  readonly deadLetterFolder: string;
  /** Disk that the folder's dead letters may take. */
  readonly deadLetterBytes: number;
}

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
  breakerFailures: number({
    label: "Pause after failures",
    default: 10,
    min: 0,
    integer: true,
    section: "delivery",
    hint: "After so many failures in a row because a node below can't reach its server, no new records are sent; then one is tried. 0: never pause.",
  }),
  breakerPause: number({ label: "Pause (s)", default: 10, min: 0.1, section: "delivery" }),
  deadLetterFolder: text({
    label: "Dead letters",
    section: "delivery",
    hint: "Folder for records that failed for good. Empty: citystream/dead-letters in the user directory.",
  }),
  deadLetterSize: number({
    label: "Dead letters, MB",
    default: 1024,
    min: 1,
    section: "delivery",
    hint: "When the folder's dead letters take more disk than this, nothing more is acknowledged until some are replayed or discarded. None is ever deleted.",
  }),
});

/** The same fields, shown only while another field has one of these values. */
export const shownIf = <F extends Fields>(showIf: NonNullable<Field["showIf"]>, fields: F): F =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, { ...field, showIf }])) as F;

/** Reads `deliveryFields()`: times in ms, sizes in bytes, the folder absolute. */
export function deliverySettings(
  RED: NodeAPI,
  settings: Settings<ReturnType<typeof deliveryFields>>,
): DeliverySettings {
  const { attempts, initialDelay, maxDelay, timeout, deadLetterFolder } = settings;
  const userDir = RED.settings.userDir ?? process.cwd();
  return {
    retry: { attempts, initialDelay, maxDelay },
    timeout: timeout * 1000,
    breaker: { failures: settings.breakerFailures, pause: settings.breakerPause * 1000 },
    deadLetterFolder: path.resolve(userDir, deadLetterFolder || DEAD_LETTER_FOLDER),
    deadLetterBytes: settings.deadLetterSize * 1024 * 1024,
  };
}
