import { Retriable } from "../../errors";

/** Keeps a server that does not answer from being asked again and again: after a pause one request tries it. */
export interface CircuitBreaker {
  /** Why nothing may be asked now; undefined: go on, and say how it went. */
  refusal(): Retriable | undefined;
  succeeded(): void;
  failed(error: Error): void;
  /** It was not waited for how it went. */
  left(): void;
}

/**
 * @param failures in a row, after which it opens; 0: never
 * @param pause ms for which it stays open
 */
export function circuitBreaker(
  failures: number,
  pause: number,
  now: () => number = () => performance.now(),
): CircuitBreaker {
  let inRow = 0;
  let until: number | undefined;
  let trying = false;
  let reason = "";
  return {
    refusal() {
      if (until === undefined) return undefined;
      const left = until - now();
      if (left <= 0 && !trying) {
        trying = true;
        return undefined;
      }
      const next = left > 0 ? `in ${Math.ceil(left / 1000)} s` : "by one request";
      return new Retriable(`${reason} (tried again ${next})`, { unreachable: true });
    },
    succeeded() {
      inRow = 0;
      until = undefined;
      trying = false;
    },
    failed({ message }) {
      inRow++;
      if (failures === 0 || (!trying && inRow < failures)) return;
      until = now() + pause;
      trying = false;
      reason = message;
    },
    left() {
      trying = false;
    },
  };
}
