/** What records wait for after their messages are completed. */
import type { Hold, Retained } from "./contract";
import type { Ledger } from "./ledger";
import type { Place } from "./place";
import type { Delivered, Token } from "./token";

/** The record may wait for long after its message is garbage. */
const NO_MESSAGE = {};

class Rest implements Retained {
  constructor(
    private readonly ledger: Ledger,
    private readonly delivered: Delivered,
  ) {}

  release(): void {
    const { ledger, delivered } = this;
    delivered.place.forget(delivered);
    ledger.leave(delivered);
  }

  fail(error: Error): void {
    const { ledger, delivered } = this;
    if (!delivered.over) ledger.fail(delivered.token, { error, node: delivered.place.node });
    this.release();
  }
}

export const retain = (ledger: Ledger, token: Token, place: Place, hold: Hold): Retained => {
  const delivered = ledger.enter(token, place, NO_MESSAGE, undefined);
  place.retain(delivered);
  ledger.hold(delivered, hold);
  return new Rest(ledger, delivered);
};
