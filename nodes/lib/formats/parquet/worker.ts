/** The thread that turns columns into Parquet files. It ends when it is told to, never by force. */
import { parentPort } from "node:worker_threads";
import { memory } from "./memory";
import type { FromThread, ToThread } from "./messages";
import { ParquetFile } from "./file";

/** ms until V8 has nothing left to compile for the thread: Node 20 aborts when one ends while it still does. */
const LINGER = 1_000;

const files = new Map<number, ParquetFile | Error>();

const used = (buffers: ArrayBuffer[]): void => parentPort?.postMessage({ used: buffers } satisfies FromThread, buffers);

function tryWith(number: number, action: (file: ParquetFile) => void): void {
  const file = files.get(number);
  if (!(file instanceof ParquetFile)) return;
  try {
    action(file);
  } catch (error) {
    // said when the file is asked for
    files.set(number, error instanceof Error ? error : new Error(String(error)));
  }
}

function finish(number: number): void {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  tryWith(number, (file) => (bytes = file.finish()));
  const file = files.get(number);
  files.delete(number);
  const answer: FromThread = bytes
    ? { file: number, bytes }
    : { file: number, error: file instanceof Error ? file.message : "the file is not known" };
  parentPort?.postMessage(answer, bytes ? [bytes.buffer] : []);
}

parentPort?.on("message", (message: ToThread) => {
  switch (message.do) {
    case "begin":
      files.set(message.file, new ParquetFile(message.schema, message.codec, used));
      break;
    case "rows":
      tryWith(message.file, (file) => file.add(message));
      break;
    case "finish":
      finish(message.file);
      break;
    case "use":
      memory.give(message.buffer);
      break;
    case "drop":
      files.delete(message.file);
      break;
    default:
      setTimeout(() => parentPort?.close(), LINGER);
  }
});
