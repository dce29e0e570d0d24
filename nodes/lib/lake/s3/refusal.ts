/** What S3 means by a refusal, in words that say what to do. */
import type { HttpAnswer } from "../../http";
import { StoreError, type StoreProblem } from "../store";
import { fieldsOf } from "./xml";

/** By the code in an answer's body (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
const rules: readonly (readonly [pattern: RegExp, problem: StoreProblem, advice: string])[] = [
  [/^PreconditionFailed$/, "exists", ""],
  [/^(?:NoSuchKey|NoSuchUpload)$/, "missing", ""],
  [/^NoSuchBucket$/, "setting", "make the bucket, or enter the name of one that is there."],
  [
    /^(?:InvalidAccessKeyId|SignatureDoesNotMatch|XAdminUserNotFound)$/,
    "permission",
    "check the access key and the secret key.",
  ],
  [/^(?:ExpiredToken|InvalidToken)$/, "permission", "the session token is not valid any more: enter a new one."],
  [
    /^(?:AccessDenied|AllAccessDisabled|AccountProblem)$/,
    "permission",
    "give the key the right, or enter another one.",
  ],
  [
    /^(?:PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|TemporaryRedirect)$/,
    "setting",
    "enter the region of the bucket.",
  ],
  [/^RequestTimeTooSkewed$/, "setting", "set this machine's clock."],
  [/^NotImplemented$/, "setting", "does this server know conditional writes (If-None-Match)?"],
  [
    /^(?:KeyTooLongError|InvalidURI|XMinioInvalidObjectName|InvalidObjectName)$/,
    "invalid",
    "the path is too long or not allowed.",
  ],
  [
    /^(?:QuotaExceeded|XMinioAdminBucketQuotaExceeded|XMinioStorageFull|InsufficientStorage|EntityTooLarge)$/,
    "full",
    "no space or quota is left.",
  ],
  [
    /^(?:SlowDown|InternalError|ServiceUnavailable|RequestTimeout|ConditionalRequestConflict|OperationAborted)$/,
    "unavailable",
    "",
  ],
];

/** What stands for the code when an answer has no body, as after HEAD, or a code of the server's own. */
const byStatus: Readonly<Record<number, string>> = {
  401: "AccessDenied",
  403: "AccessDenied",
  404: "NoSuchKey",
  409: "ConditionalRequestConflict",
  412: "PreconditionFailed",
  501: "NotImplemented",
  507: "InsufficientStorage",
};

/** A 404 of an unknown name may be about anything, not just the object. */
const unnamed = (status: number, code?: string): string =>
  (code !== undefined && status === 404 ? "" : byStatus[status]) ??
  (status >= 500 || status === 429 ? "ServiceUnavailable" : "");

/**
 * The error for an answer that is no success.
 * @param doing what was tried, such as `write s3://bucket/a/b`
 */
export function refusal(address: string, doing: string, { status, body }: HttpAnswer): StoreError {
  const { Code, Message } = body.length > 0 ? fieldsOf(body.toString("utf8"), "Error") : {};
  const code = Code ?? unnamed(status);
  const known = rules.find(([pattern]) => pattern.test(code));
  const [, problem, advice] = known ??
    rules.find(([pattern]) => pattern.test(unnamed(status, Code))) ?? [code, "failed", ""];
  const told = [Code ?? status, Message].filter(Boolean).join(": ");
  if (Code === undefined && (body.length > 0 || code === ""))
    return new StoreError(
      status >= 500 ? "unavailable" : "setting",
      `${address} answered ${status} to ${doing}, not in the words of S3: ${body.toString("utf8", 0, 200)}`,
    );
  return new StoreError(problem, `${address} refused to ${doing}: ${told}${advice && `; ${advice}`}`);
}
