/** Puts the errors of @platformatic/kafka into the shape that `explain` of errors.ts reads. */
import type { Line } from "./platformatic-link";
import type { Platformatic } from "./platformatic-package";
import type { ProtocolError } from "./producer-wire";

interface Thrown extends Error {
  readonly code?: string;
  readonly apiId?: string;
  readonly serverErrorMessage?: string | null;
  readonly errors?: readonly unknown[];
  readonly response?: unknown;
}

/** All errors within one: causes and parts, the outermost first. */
function* within(error: unknown, depth = 0): Generator<Thrown> {
  if (!(error instanceof Error) || depth > 10) return;
  const thrown: Thrown = error;
  yield thrown;
  for (const part of thrown.errors ?? []) yield* within(part, depth + 1);
  yield* within(thrown.cause, depth + 1);
}

/** The answer that the package threw because it says that something failed. */
export const answerOf = (error: unknown): unknown => {
  for (const one of within(error))
    if (one.code === "PLT_KFK_RESPONSE" && one.response !== undefined) return one.response;
  return undefined;
};

/** What was thrown, with the protocol's name of the error as `type`, Node's as `code`, and the broker. */
export const named = (error: unknown, { broker, failure }: Pick<Line, "broker" | "failure">): Error => {
  if (failure) return Object.assign(new Error(failure.message), { broker, thrown: error });
  const all = [...within(error)];
  const refusal = all.find(({ apiId }) => apiId !== undefined);
  const login = all.find(({ code }) => code === "PLT_KFK_AUTHENTICATION");
  const root = refusal ?? all.findLast(({ code }) => code !== undefined) ?? (error as Error);
  const message = refusal?.serverErrorMessage ?? root.message;
  const type = refusal?.apiId ?? (login ? "SASL_AUTHENTICATION_FAILED" : undefined);
  const code = all.find((one) => one.code !== undefined && !one.code.startsWith("PLT_KFK_"))?.code;
  const timedOut = all.some((one) => /timed out/.test(one.message));
  return Object.assign(new Error(timedOut && !type ? "Connection timeout" : message), {
    broker,
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    // The whole of it, for the log.
    thrown: error,
  });
};

/** The error of a code in an answer. */
export const protocolError = (lib: Platformatic | undefined, code: number): ProtocolError => {
  const type = lib?.protocolErrorsCodesById[code] ?? `error ${code}`;
  const { canRetry = false, message = type } = lib?.protocolErrors[type] ?? {};
  return Object.assign(new Error(message), { type, retriable: canRetry });
};

const OFFSET_FETCH = 9;

/** True for the versions that a broker before Kafka 2.5 offers, where the newest request of the driver came. */
export const isTooOld = (offered: readonly { readonly apiKey: number; readonly maxVersion: number }[]): boolean =>
  (offered.find(({ apiKey }) => apiKey === OFFSET_FETCH)?.maxVersion ?? 0) < 7;
