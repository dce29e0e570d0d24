/** Tokens for SASL OAUTHBEARER by the client credentials grant (RFC 6749, 4.4). */
import { ConfigError, messageOf, Retriable } from "../../lib/errors";

export interface OAuthSettings {
  readonly tokenUrl: string;
  readonly scope: string;
  readonly oauthClient: string;
  readonly oauthSecret: string;
  readonly token: string;
}

/** Makes what gives a valid token when called: the fixed one, or one asked for and kept until shortly before its end. */
export const tokenSource = (settings: OAuthSettings): (() => Promise<string>) => {
  const { tokenUrl, scope, oauthClient, oauthSecret, token } = settings;
  if (tokenUrl === "") {
    if (token === "") throw new ConfigError("Login: OAUTHBEARER needs a token, or an address that gives one");
    return async () => token;
  }
  let kept: { token: string; until: number } | undefined;
  return async () => {
    if (kept && kept.until > Date.now()) return kept.token;
    let response: Response;
    try {
      response = await fetch(tokenUrl, {
        method: "POST",
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          authorization: `Basic ${Buffer.from(`${encodeURIComponent(oauthClient)}:${encodeURIComponent(oauthSecret)}`).toString("base64")}`,
        },
        body: new URLSearchParams({ grant_type: "client_credentials", ...(scope === "" ? {} : { scope }) }),
        signal: AbortSignal.timeout(10_000),
      });
    } catch (error) {
      throw new Retriable(`Token address ${tokenUrl} does not answer: ${messageOf(error)}`, { unreachable: true });
    }
    const answer = (await response.json().catch(() => ({}))) as { access_token?: unknown; expires_in?: unknown };
    if (!response.ok || typeof answer.access_token !== "string")
      throw new ConfigError(
        `Token address ${tokenUrl} gave no token (HTTP ${response.status}); check client id and secret`,
      );
    const seconds = typeof answer.expires_in === "number" ? answer.expires_in : 300;
    kept = { token: answer.access_token, until: Date.now() + seconds * 800 };
    return kept.token;
  };
};
