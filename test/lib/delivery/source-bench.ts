/** A source whose flow is one node that does what the test says. */
import {
  TOKEN,
  type BreakerPolicy,
  type DeadLetter,
  type Emission,
  type Failure,
  type Message,
  type Outage,
  type Verdict,
} from "../../../nodes/lib/delivery/contract";
import { Ledger } from "../../../nodes/lib/delivery/ledger";
import { Source } from "../../../nodes/lib/delivery/source";
import type { Delivered, Token, TokenFailure } from "../../../nodes/lib/delivery/token";
import { until } from "../../harness";

type Act = (token: Token, message: Message, ledger: Ledger) => void;

export const bench = (
  act: Act,
  options: {
    attempts?: number;
    breaker?: BreakerPolicy;
    write?: (letters: readonly DeadLetter[]) => Promise<void>;
    /** Makes it a source that needs a wire, which is there as long as this says so. */
    wired?: () => boolean;
  } = {},
) => {
  const ledger = new Ledger("test");
  const sent: Message[] = [];
  const letters: DeadLetter[] = [];
  const warnings: string[] = [];
  const held: number[] = [];
  const outages: (Outage | undefined)[] = [];
  const told: string[] = [];
  const { wired } = options;
  const place = { node: { id: "n", type: "sink" }, forget: () => undefined };
  const source = new Source(
    {
      ledger,
      send: (message) => {
        sent.push(message);
        act(ledger.find(message[TOKEN]) as Token, message, ledger);
      },
      warn: (text) => warnings.push(text),
      relieve: () => undefined,
      closed: () => undefined,
      wired: wired ?? (() => true),
    },
    {
      retry: { attempts: options.attempts ?? 3, initialDelay: 1, maxDelay: 2 },
      timeout: 1_000,
      ...(options.breaker && { breaker: options.breaker }),
      onOutage: (outage) => outages.push(outage),
      onHeld: (_emission, records) => held.push(records),
      onFlows: (running) => told.push(running ? "run" : "stop"),
      ...(wired && { onUnwired: (unwired) => told.push(unwired ? "unwired" : "wired") }),
      deadLetters: {
        write: options.write ?? ((some) => Promise.resolve(void letters.push(...some))),
        close: () => Promise.resolve(),
      },
    },
  );
  source.flows(true);
  const verdicts: { verdict: Verdict; failure: Failure | undefined }[] = [];
  return {
    ledger,
    source,
    sent,
    letters,
    warnings,
    verdicts,
    held,
    outages,
    told,
    enter: (token: Token): Delivered => ledger.enter(token, place, {}, undefined),
    deliver: (emission: Emission): void =>
      source.deliver(emission, (verdict, failure) => verdicts.push({ verdict, failure })),
    ended: (): Promise<void> => until("all emissions finished", () => source.unfinished === 0, 5_000),
  };
};
export const record = (payload: unknown = 1): Emission => ({ records: 1, bytes: 10, message: () => ({ payload }) });
/** Elements carry coordinates as the pack's sources give them. */
export const element = (offset: number) => ({
  payload: offset,
  source: { kind: "kafka", topic: "t", partition: 0, offset },
});
export const batch = (size: number): Emission => ({
  records: size,
  bytes: size * 10,
  message: (elements) => ({ payload: (elements ?? Array.from({ length: size }, (_, index) => index)).map(element) }),
});
export const failing =
  (failure: TokenFailure): Act =>
  (token, _message, ledger) => {
    const delivered = ledger.enter(token, { node: { id: "n", type: "sink" }, forget: () => undefined }, {}, undefined);
    ledger.fail(token, failure);
    ledger.leave(delivered);
  };
export const passing: Act = (token, _message, ledger) =>
  ledger.leave(ledger.enter(token, { node: { id: "n", type: "sink" }, forget: () => undefined }, {}, undefined));
