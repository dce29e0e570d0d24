/**
 * Permanent or transient: what an error of any node says about trying again. Nodes of other packs know nothing of this
 * pack's errors, so their errors are judged by what Node.js, HTTP clients and common drivers put into them.
 */

/**
 * `unreachable`: a server was out of reach or turned everybody away; waiting cures it and it is no try.
 * `transient`: another try may help. `permanent`: this record will never succeed.
 */
export type FailureKind = "unreachable" | "transient" | "permanent";

/** Codes of Node.js, its HTTP clients and database drivers that say: nobody answered. */
const UNREACHABLE_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "ETIMEDOUT",
  "ESOCKETTIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_SOCKET",
  "PROTOCOL_CONNECTION_LOST",
  // PostgreSQL: connection exceptions, shut down by an administrator or a crash, not up yet, too many connections.
  "08000",
  "08001",
  "08003",
  "08006",
  "57P01",
  "57P02",
  "57P03",
  "53300",
]);

/** Classes of clients that say the same without a code. */
const UNREACHABLE_NAMES = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSBrokerNotFound",
  "MongoNetworkError",
  "MongoNetworkTimeoutError",
  "MongoServerSelectionError",
  "ConnectTimeoutError",
  "MaxRetriesPerRequestError",
]);

/** HTTP: too many requests, bad gateway, unavailable, gateway time-out. RFC 9110 15.6 and RFC 6585 4. */
const UNREACHABLE_STATUS = new Set([429, 502, 503, 504]);
/** HTTP: what was sent is wrong, and will be each time: bad, too large, of no known type, not processable. */
const PERMANENT_STATUS = new Set([400, 413, 414, 415, 422]);

/** Errors as text, in the words of Node.js alone: what a record holds must not be taken for them. */
const UNREACHABLE_TEXT =
  /\b(?:connect|read|write|send|getaddrinfo|query[A-Z]\w*) (?:ECONNREFUSED|ECONNRESET|ECONNABORTED|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EPIPE|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN)\b|^(?:Error: |RequestError: )?(?:socket hang up|Client network socket disconnected before secure TLS connection was established)/u;
const STATUS_TEXT = /\b(?:status(?: code)?|response code|HTTP(?:\/[\d.]+)?)[ :=]+(\d{3})\b/iu;

type Loose = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Loose => typeof value === "object" && value !== null;

const byStatus = (status: unknown): FailureKind | undefined => {
  const number = typeof status === "string" && /^\d{3}$/u.test(status) ? Number(status) : status;
  if (typeof number !== "number") return undefined;
  if (UNREACHABLE_STATUS.has(number)) return "unreachable";
  return PERMANENT_STATUS.has(number) ? "permanent" : undefined;
};

const byCode = (code: unknown): FailureKind | undefined =>
  typeof code === "string" && UNREACHABLE_CODES.has(code) ? "unreachable" : undefined;

/** Names of this pack's errors: they have judged already, whatever caused them. */
const JUDGED = new Set(["Retriable", "ConfigError", "DeliveryTimeout"]);

const hopeful = (kinds: readonly FailureKind[]): FailureKind =>
  kinds.includes("unreachable") ? "unreachable" : kinds.includes("transient") ? "transient" : "permanent";

const judge = (error: unknown, depth: number): FailureKind | undefined => {
  if (!isObject(error) || depth > 5) return undefined;
  if (error["unreachable"] === true) return "unreachable";
  const { name, elements, errors } = error;
  if (name === "Rejected") return "permanent";
  if (typeof name === "string" && JUDGED.has(name)) return "transient";
  // A batch of which nobody knows which records failed: sent again as long as that may help one of them.
  if (Array.isArray(elements) && elements.length > 0)
    return hopeful(elements.map((one) => (isObject(one) && judge(one["error"], depth + 1)) || "transient"));
  if (typeof name === "string" && UNREACHABLE_NAMES.has(name)) return "unreachable";
  const response = isObject(error["response"]) ? error["response"] : undefined;
  const known =
    byCode(error["code"]) ??
    byStatus(error["statusCode"]) ??
    byStatus(error["status"]) ??
    byStatus(response?.["statusCode"] ?? response?.["status"]) ??
    judge(error["cause"], depth + 1);
  if (known !== undefined) return known;
  // AggregateError: the addresses of one host, tried one after the other.
  if (Array.isArray(errors) && errors.length > 0) {
    const kinds = errors.map((one) => judge(one, depth + 1));
    if (kinds.every((kind) => kind === "unreachable")) return "unreachable";
  }
  const { message } = error;
  if (typeof message !== "string") return undefined;
  if (UNREACHABLE_TEXT.test(message)) return "unreachable";
  return byStatus(STATUS_TEXT.exec(message)?.[1]);
};

/**
 * @param error what a node reported
 * @param message the message it reported it with: `statusCode` is where http request puts a status or an error's code
 */
export const kindOf = (error: unknown, message?: unknown): FailureKind => {
  const kind = judge(error, 0);
  if (kind !== undefined) return kind;
  const status = isObject(message) ? message["statusCode"] : undefined;
  return byCode(status) ?? (byStatus(status) === "unreachable" ? "unreachable" : "transient");
};
