/** Why a broker is not there, in words that say what to do. */
import { messageOf } from "../errors";

/** Who must act: the user about login, certificate, protocol or session; nobody but time when it is away. */
export type Fault = "away" | "login" | "certificate" | "protocol" | "session" | "other";

export interface Reason {
  readonly fault: Fault;
  readonly text: string;
}

/** CONNACK return codes of MQTT 3.1.1 (section 3.2.2.3) and reason codes of MQTT 5 (3.2.2.2) that tell what to do. */
const REFUSALS: Readonly<Record<number, readonly [Fault, string]>> = {
  1: ["protocol", "does not speak this MQTT version: choose the other one"],
  2: ["session", "does not accept the client id: enter another one"],
  3: ["away", "says that its service is unavailable"],
  4: ["login", "refused user name or password"],
  5: ["login", "refused the login: check user name and password, or whether this user may connect"],
  132: ["protocol", "does not speak this MQTT version: choose 3.1.1"],
  133: ["session", "does not accept the client id: enter another one"],
  134: ["login", "refused user name or password"],
  135: ["login", "refused the login: check user name and password, or whether this user may connect"],
  136: ["away", "says that it is unavailable"],
  137: ["away", "says that it is busy"],
  138: ["login", "has banned this client"],
  140: ["login", "does not accept this way to log in"],
  142: ["session", "gave the session to another client with the same client id: each needs its own"],
  149: ["other", "says that a packet was too large"],
  151: ["other", "says that a quota is exceeded"],
  159: ["away", "says that clients connect too often"],
};

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS_CERT|ALTNAME|certificate|TLS not authorized/u;
const NOT_TLS = /EPROTO|ERR_SSL|wrong version number|ssl3_|packet length too long/u;

/** Says why connecting to `address` failed, from what MQTT.js, the socket or the broker threw. */
export function reasonOf(thrown: unknown, address: string): Reason {
  const { code } = thrown as { code?: unknown };
  const text = messageOf(thrown);
  if (typeof code === "number") {
    const [fault, words] = REFUSALS[code] ?? ["other", `refused the connection: ${text} (code ${code})`];
    return { fault, text: `the broker at ${address} ${words}` };
  }
  const known = typeof code === "string" ? code : "";
  if (known === "ECONNREFUSED" || (thrown instanceof AggregateError && known === ""))
    return { fault: "away", text: `nothing listens at ${address}` };
  if (known === "ENOTFOUND" || known === "EAI_AGAIN")
    return { fault: "away", text: `the host name in ${address} is not known` };
  if (known === "ETIMEDOUT" || known === "EHOSTUNREACH" || known === "ENETUNREACH")
    return { fault: "away", text: `${address} cannot be reached (${known})` };
  if (CERTIFICATE.test(known) || CERTIFICATE.test(text))
    return { fault: "certificate", text: `the certificate of ${address} is not accepted: ${text}` };
  if (NOT_TLS.test(known) || NOT_TLS.test(text))
    return { fault: "protocol", text: `${address} does not answer in TLS: write mqtt:// or ws://, or check the port` };
  if (known === "ECONNRESET" || known === "EPIPE")
    return { fault: "away", text: `${address} cut the connection (${known})` };
  if (/Unexpected server response/u.test(text))
    return { fault: "protocol", text: `${address} is no MQTT broker over WebSocket: ${text}` };
  if (/connack timeout/u.test(text))
    return { fault: "protocol", text: `${address} accepts connections but does not answer in MQTT: check the port` };
  if (/Keepalive timeout/u.test(text)) return { fault: "away", text: `${address} no longer answers` };
  return { fault: "other", text: `${address}: ${text}` };
}

/** What to say when the connection closed before the broker answered, without any error. */
export const closedUnanswered = (address: string): Reason => ({
  fault: "protocol",
  text:
    `${address} closed the connection without an answer: it may expect TLS, speak another protocol or MQTT version, ` +
    "or another client with the same id is connected",
});

/** What to say when bytes came that are not MQTT. */
export const notMqtt = (address: string, thrown: unknown): Reason => ({
  fault: "protocol",
  text: `${address} answers in another protocol than MQTT (${messageOf(thrown)}): check the port`,
});
