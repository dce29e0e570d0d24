/** Answers of brokers as they come on a connection, in whatever pieces. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { gatherAnswers } from "../../../nodes/lib/kafka/kafkajs-answers";
import type { RawConnection } from "../../../nodes/lib/kafka/kafkajs-internals";

type Fulfilled = { readonly correlationId: number; readonly payload: Buffer };
const Connection = require("kafkajs/src/network/connection") as new (
  options: object,
) => RawConnection & { requestQueue: { fulfillRequest(answer: Fulfilled): void } };

const connection = (): { connection: RawConnection; answers: Fulfilled[] } => {
  const logger = { namespace: () => ({ debug: () => undefined, error: () => undefined }) };
  const made = new Connection({ host: "127.0.0.1", port: 9, clientId: "test", logger, requestTimeout: 1000 });
  const answers: Fulfilled[] = [];
  made.requestQueue.fulfillRequest = (answer) => answers.push(answer);
  gatherAnswers(made);
  return { connection: made, answers };
};

const answer = (correlationId: number, size: number): Buffer => {
  const bytes = Buffer.alloc(8 + size, correlationId);
  bytes.writeInt32BE(4 + size, 0);
  bytes.writeInt32BE(correlationId, 4);
  return bytes;
};

describe("answers of brokers", () => {
  it("are whole however they come, though what they came in is used again", () => {
    const sizes = fc.array(fc.oneof(fc.nat(50), fc.nat(300_000)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 140_000 }))),
        (all, cuts) => {
          const { connection: one, answers } = connection();
          const stream = Buffer.concat(all.map((size, at) => answer(at + 1, size)));
          const read = Buffer.alloc(140_000);
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const length = stream.copy(read, 0, at, at + (cuts[turn] ?? read.length));
            one.processData(read.subarray(0, length));
            read.fill(0xee);
            at += length;
          }
          assert.deepEqual(
            answers.map(({ correlationId, payload }) => [correlationId, payload.length]),
            all.map((size, at) => [at + 1, size]),
          );
          for (const { correlationId, payload } of answers) assert.ok(payload.every((byte) => byte === correlationId));
        },
      ),
      { numRuns: 100 },
    );
  });

  it("begin anew on a new connection, when one had broken off in the middle of an answer", async () => {
    const { connection: one, answers } = connection();
    one.processData(answer(1, 100_000).subarray(0, 50_000));
    // What kafkajs-cluster.ts does of its own when it connects again.
    [one.chunks, one.bytesBuffered, one.bytesNeeded] = [[], 0, 4];
    await one.connect().catch(() => undefined);
    one.processData(answer(2, 10));
    assert.deepEqual(
      answers.map(({ correlationId }) => correlationId),
      [2],
    );
  });
});
