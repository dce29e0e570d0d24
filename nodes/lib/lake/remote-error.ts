/** What a name node, data node or HttpFS means by a refusal, in words that say what to do. */
import type { HttpAnswer } from "../http";
import { StoreError, type StoreProblem } from "./store";

interface RemoteException {
  readonly exception: string;
  readonly message: string;
}

/** The exception in an answer's JSON body, its Java stack left out; undefined when the body is something else. */
export function remoteException(answer: HttpAnswer): RemoteException | undefined {
  try {
    const { RemoteException: found } = JSON.parse(answer.body.toString("utf8")) as {
      RemoteException?: { exception?: unknown; message?: unknown };
    };
    if (!found) return undefined;
    const [message = ""] = String(found.message ?? "").split("\n\t");
    return { exception: String(found.exception ?? ""), message };
  } catch {
    return undefined;
  }
}

/**
 * HttpFS hides some classes behind `RemoteException` and answers 500 where WebHDFS answers 403 or 404, so the class
 * decides first, then the message, and the status only when there is neither.
 */
const rules: readonly (readonly [pattern: RegExp, problem: StoreProblem, advice: string])[] = [
  [/FileAlreadyExists/, "exists", ""],
  [/ParentNotDirectory|NotDirectoryException/, "invalid", "a part of the path is a file."],
  [/PathComponentTooLong|MaxDirectoryItems/, "invalid", "the name node's limits do not allow this path."],
  [/InvalidPath|not a valid DFS filename/, "invalid", "HDFS does not allow this path."],
  [/FileNotFound|PathNotFound/, "missing", ""],
  [/SafeMode|in safe ?mode/i, "unavailable", "it is in safe mode: it leaves it once enough data nodes have reported."],
  [/StandbyException|in state standby/, "unavailable", "this name node is in standby: enter the active one as well."],
  [/QuotaExceeded/, "full", "a quota is used up: raise it or remove files."],
  [/block size .* is less than configured minimum/, "setting", "enter a larger block size."],
  [/Requested replication factor/, "setting", "enter a replication that the cluster allows."],
  [
    /could only be (?:written|replicated) to|Failed to find datanode/,
    "unavailable",
    "too few data nodes are alive or have room.",
  ],
  [/NoSpace|No space left|DiskOutOfSpace/i, "full", "the disks of the data nodes are full."],
  [
    /AccessControl|Permission denied|AuthorizationException/,
    "permission",
    "give the user the right or enter another one.",
  ],
  [
    /InvalidToken.*(?:expired|can't be found in cache)/i,
    "permission",
    "the delegation token has expired or was cancelled: enter a new one.",
  ],
  [
    /SecurityException|AuthenticationException|InvalidToken|Unauthorized/i,
    "permission",
    "the user or token is refused.",
  ],
  [/RetriableException|StaleState|LeaseExpired|AlreadyBeingCreated|RecoveryInProgress/, "unavailable", ""],
];

/**
 * The error for an answer that is no success.
 * @param doing what was tried, such as `make /lake/a/b`
 */
export function refusal(url: URL, doing: string, answer: HttpAnswer): StoreError {
  const remote = remoteException(answer);
  const host = `${url.protocol}//${url.host}`;
  if (!remote) {
    const { status } = answer;
    if (status === 401)
      return new StoreError("permission", `${host} wants a login that this lake does not send (401), to ${doing}`);
    if (status === 404)
      return new StoreError(
        "setting",
        `${host} answers 404 and knows no WebHDFS: is it the web address of a name node or HttpFS?`,
      );
    const problem = status >= 500 || status === 429 ? "unavailable" : "failed";
    return new StoreError(problem, `${host} answered ${status}, to ${doing}: ${answer.body.toString("utf8", 0, 200)}`);
  }
  const told = `${remote.exception}: ${remote.message}`.replaceAll(/\s+/g, " ");
  const [, problem, advice] = rules.find(([pattern]) => pattern.test(told)) ?? [
    undefined,
    answer.status === 404 ? ("missing" as const) : ("failed" as const),
    "",
  ];
  return new StoreError(problem, `${host} refused to ${doing}: ${told}${advice && `; ${advice}`}`);
}
