/** Why a record can't be written at all. */
import { messageOf, Rejected } from "../errors";

/** The largest batch in bytes: a broker does not answer to a larger request (socket.request.max.bytes), but cuts the connection. */
export const BATCH_LIMIT = 100 * 1024 * 1024 - 64 * 1024;

export const tooLarge = (topic: string, bytes: number): Rejected =>
  new Rejected(
    bytes > BATCH_LIMIT
      ? `Topic "${topic}": no broker takes a record of ${bytes} bytes; make it smaller`
      : `Topic "${topic}" takes no record of ${bytes} bytes; raise its max.message.bytes or make the record smaller`,
  );

/** @param error what was thrown when the record was turned into bytes */
export const unwritable = (error: unknown): Rejected =>
  error instanceof Rejected
    ? error
    : new Rejected(`The record can't be written as Kafka's bytes: ${messageOf(error)}`, { cause: error });
