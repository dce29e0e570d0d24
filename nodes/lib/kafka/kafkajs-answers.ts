/**
 * What comes on a connection of kafkajs: read into one buffer that is used again, and long answers gathered in one of their
 * own size. kafkajs keeps a buffer of 64 KB for each read and puts them together at the end, so that every answer lay in
 * memory twice, and most of it for no longer than that: garbage that only a whole collection finds.
 */
import type { OnReadOpts, Socket } from "node:net";
import { answerMemory } from "./answer-pool";
import type { RawConnection } from "./kafkajs-internals";

/** Bytes that one read takes at most. */
const READ = 128 * 1024;
/** An answer of which so much is missing is gathered here … */
const LONG = 32 * 1024;
/** … unless it says that it is larger: then kafkajs may do as it likes. */
const LONGEST = 64 * 1024 * 1024;

/** Reads into one buffer, and shows what came as every socket does. @param socket asked for when something came */
export const readOften = (socket: () => Socket): OnReadOpts => ({
  buffer: Buffer.allocUnsafeSlow(READ),
  callback(length, buffer) {
    socket().emit("data", (buffer as Buffer).subarray(0, length));
    return true;
  },
});

/** Gives a connection its answers without keeping what `processData` was given. */
export const gatherAnswers = (connection: RawConnection): void => {
  let answer: Buffer | undefined;
  let used = 0;
  const connect = connection.connect.bind(connection);
  connection.connect = () => {
    if (!connection.isConnected()) answer = undefined;
    return connect();
  };
  const read = connection.processData.bind(connection);
  connection.processData = (bytes) => {
    let at = 0;
    if (answer) {
      at = bytes.copy(answer, used);
      used += at;
      if (used < answer.length) return;
      const whole = answer;
      answer = undefined;
      read(whole);
      // It keeps the empty rest of what it has read.
      if (connection.bytesBuffered === 0) connection.chunks = [];
      if (at === bytes.length) return;
    }
    read(Buffer.from(bytes.subarray(at)));
    const { chunks, bytesBuffered, bytesNeeded } = connection;
    if (bytesNeeded - bytesBuffered < LONG || bytesNeeded > LONGEST) return;
    answer = answerMemory(bytesNeeded);
    used = 0;
    for (const chunk of chunks) used += chunk.copy(answer, used);
    [connection.chunks, connection.bytesBuffered] = [[], 0];
  };
};
