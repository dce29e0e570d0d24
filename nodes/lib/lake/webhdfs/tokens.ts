/**
 * Delegation tokens: one login, then a token with every request, as Hadoop's own client does. A cluster lets a token live a day
 * (`dfs.namenode.delegation.token.renew-interval`), so a new one is taken long before, and when one is refused.
 */
import { StoreError } from "../store";

/**
 * Gives the token of the moment.
 * @param refused one that the server does not take
 */
export type TokenSource = (refused?: string) => Promise<string>;

/** ms after which a new one is taken, and until that is tried again when it fails. */
const LIFE = 6 * 3_600_000;
const AGAIN = 5 * 60_000;

/** @param take logs in and asks for a token @param now ms since the epoch */
export function delegationTokens(take: () => Promise<string>, now: () => number = Date.now): TokenSource {
  let current: { readonly token: string; due: number } | undefined;
  let taking: Promise<string> | undefined;
  const another = (): Promise<string> =>
    (taking ??= take()
      .then((token) => {
        current = { token, due: now() + LIFE };
        return token;
      })
      .finally(() => (taking = undefined)));
  return async (refused) => {
    if (!current || current.token === refused) return another();
    if (now() < current.due) return current.token;
    const { token } = current;
    try {
      return await another();
    } catch (error) {
      // who gives tickets is away for a while: the old token is good for hours
      if (!(error instanceof StoreError)) throw error;
      current.due = now() + AGAIN;
      return token;
    }
  };
}
