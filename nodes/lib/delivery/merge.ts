/** What a node has put together (rule 5). */
import { TOKEN } from "./contract";
import type { Ledger } from "./ledger";
import type { RedMessage } from "./red";
import { COMING, isUndoable, type Delivered, type Token, type Whereabouts } from "./token";

/**
 * A node that completes a delivery which it never passed on, in the turn in which it sent something else, has put the
 * one into the other (join, batch): what was sent then carries a composite of both.
 */
export const merge = (ledger: Ledger, place: Whereabouts, delivered: Delivered, sent: readonly Delivered[]): void => {
  const { token } = delivered;
  const mine = sent.filter((one) => one.from === place && one.phase === COMING);
  if (mine.some((one) => one.token === token || one.token.children?.has(token))) return;
  const merged = new Map<Token, Token>();
  for (const one of mine) {
    const before = one.token;
    let composite = merged.get(before);
    if (composite === undefined) {
      // A composite made for this turn's output takes more children; any other token gets a new one around it. So does
      // one whose id does not say that what it stands for can be undone.
      const alone =
        before.children !== undefined &&
        before.owner === undefined &&
        (isUndoable(before.id) || !isUndoable(token.id)) &&
        mine.filter((other) => other.token === before).length === before.count;
      composite = alone ? before : ledger.composite([before, token]);
      merged.set(before, composite);
    }
    if (composite === before) ledger.include(before, token);
    else {
      ledger.move(one, composite);
      (one.message as RedMessage)[TOKEN] = composite.id;
    }
  }
};
