import assert from "node:assert/strict";
import net from "node:net";
import { kindOf, type FailureKind } from "../../../nodes/lib/delivery/failure-kind";
import { BatchFailure, ConfigError, Rejected, Retriable } from "../../../nodes/lib/errors";

const coded = (code: string, message = "failed"): Error => Object.assign(new Error(message), { code });
const status = (statusCode: number): Error => Object.assign(new Error("failed"), { statusCode });
const elements = (...errors: Error[]) =>
  new BatchFailure(
    "some",
    errors.map((error, index) => ({ index, error })),
  );

const TABLE: readonly (readonly [what: string, error: unknown, kind: FailureKind, message?: unknown])[] = [
  ["this pack's Rejected", new Rejected("broken JSON"), "permanent"],
  ["this pack's Retriable", new Retriable("busy"), "transient"],
  ["a Retriable out of reach", new Retriable("away", { unreachable: true }), "unreachable"],
  [
    "a Retriable whose cause was a socket: the sink judged",
    new Retriable("x", { cause: coded("ECONNRESET") }),
    "transient",
  ],
  ["a ConfigError: someone may change the setting", new ConfigError("Database: no such one"), "transient"],
  ...[
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENOTFOUND",
    "EPIPE",
    "ECONNRESET",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "UND_ERR_SOCKET",
    "57P03",
  ].map((code) => [`code ${code}`, coded(code), "unreachable"] as const),
  ...["EACCES", "ENOSPC", "ENOENT", "ERR_INVALID_ARG_TYPE", "23505"].map(
    (code) => [`code ${code}`, coded(code), "transient"] as const,
  ),
  ...[429, 502, 503, 504].map((code) => [`status ${code}`, status(code), "unreachable"] as const),
  ...[400, 413, 415, 422].map((code) => [`status ${code}`, status(code), "permanent"] as const),
  ...[401, 403, 404, 408, 409, 500].map((code) => [`status ${code}`, status(code), "transient"] as const),
  [
    "axios's response",
    Object.assign(new Error("Request failed with status code 503"), { response: { status: 503 } }),
    "unreachable",
  ],
  ["got's text", new Error("Response code 429 (Too Many Requests)"), "unreachable"],
  ["a text of node:net", new Error("connect ECONNREFUSED 127.0.0.1:80"), "unreachable"],
  ["a name that DNS does not know", new Error("getaddrinfo ENOTFOUND nowhere.invalid"), "unreachable"],
  ["a request cut short", new Error("RequestError: socket hang up"), "unreachable"],
  [
    "fetch, whose cause says it",
    new TypeError("fetch failed", { cause: coded("ECONNREFUSED", "connect ECONNREFUSED") }),
    "unreachable",
  ],
  ["every address of a host", new AggregateError([coded("ECONNREFUSED"), coded("ENETUNREACH")]), "unreachable"],
  ["one of several failures", new AggregateError([coded("ECONNREFUSED"), new Error("no")]), "transient"],
  ["a MongoDB driver", Object.assign(new Error("x"), { name: "MongoServerSelectionError" }), "unreachable"],
  ["a status in the message", new Error("no response"), "unreachable", { statusCode: "ETIMEDOUT" }],
  ["an HTTP status in the message", new Error("not what I want"), "unreachable", { statusCode: 503 }],
  ["a refusal in the message alone: it may be of a node before", new Error("x"), "transient", { statusCode: 400 }],
  ["what a record says", new Error('Unexpected token in "the log says ECONNREFUSED"'), "transient"],
  ["a number that is no status", new Error("sensor 503 is unknown"), "transient"],
  ["a program's error", new TypeError("msg.payload.x is undefined"), "transient"],
  ["nothing", undefined, "transient"],
  ["a batch of refusals", elements(new Rejected("a"), new Rejected("b")), "permanent"],
  ["a batch of which one may succeed", elements(new Rejected("a"), new Error("b")), "transient"],
  ["a batch of which one met no server", elements(new Rejected("a"), coded("EPIPE")), "unreachable"],
];

describe("permanent, transient or out of reach", () => {
  for (const [what, error, kind, message] of TABLE)
    it(`${what}: ${kind}`, () => assert.equal(kindOf(error, message), kind));

  it("a real refused connection is out of reach", async () => {
    const error = await new Promise((resolve) => net.connect(1, "127.0.0.1").once("error", resolve));
    assert.equal(kindOf(error), "unreachable");
  });

  it("an error that is its own cause ends", () => {
    const error = new Error("loop");
    error.cause = error;
    assert.equal(kindOf(error), "transient");
  });
});
