/** The thread that takes rows out of Parquet files. It ends when it is told to, never by force. */
import { parentPort } from "node:worker_threads";
import { Damaged } from "../../compression/damaged";
import { messageOf } from "../../errors";
import type { FromReader, ToReader } from "./reading";
import { ParquetSource } from "./source";

/** ms until V8 has nothing left to compile for the thread: Node 20 aborts when one ends while it still does. */
const LINGER = 1_000;

const waiting = new Map<number, { resolve(bytes: ArrayBuffer): void; reject(error: Error): void }>();
let asked = 0;
let opened: Promise<ParquetSource> | undefined;

const say = (message: FromReader, transfer: readonly ArrayBuffer[] = []): void =>
  parentPort?.postMessage(message, transfer);

const slice = (start: number, end: number): Promise<ArrayBuffer> =>
  new Promise((resolve, reject) => {
    const id = ++asked;
    waiting.set(id, { resolve, reject });
    say({ id, start, end });
  });

async function open(bytes: number, row: number): Promise<ParquetSource> {
  const source = new ParquetSource(bytes, slice);
  await source.open(row);
  return source;
}

async function read(file: number): Promise<void> {
  try {
    const piece = await (await opened)?.read();
    say({ file, piece }, piece ? [piece.bytes.buffer] : []);
  } catch (error) {
    say({ file, damage: error instanceof Damaged ? error.message : `can't be read: ${messageOf(error)}` });
  }
}

parentPort?.on("message", (message: ToReader) => {
  switch (message.do) {
    case "open":
      opened = open(message.bytes, message.row);
      // said when it is read
      opened.catch(() => undefined);
      break;
    case "slice":
      waiting.get(message.id)?.resolve(message.bytes);
      waiting.delete(message.id);
      break;
    case "refuse":
      waiting.get(message.id)?.reject(new Error(message.why));
      waiting.delete(message.id);
      break;
    case "read":
      void read(message.file);
      break;
    case "close":
      opened = undefined;
      break;
    default:
      setTimeout(() => parentPort?.close(), LINGER);
  }
});
