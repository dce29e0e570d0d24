/** Points in files of a folder, for want of a server: `influx write --file …` takes them. Times are in nanoseconds. */
import fs from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, Retriable, messageOf } from "../errors";
import { wholeLines } from "../formats/line-protocol";
import { writeAll } from "../files/write-all";
import { syncDirectory } from "../durable";
import type { InfluxTarget } from "./target";
import { inNanoseconds } from "./values";

/** A file is ended beyond this many bytes. */
const LONGEST_FILE = 64 * 1024 * 1024;

interface OpenPart {
  readonly handle: fs.FileHandle;
  readonly name: string;
  /** Bytes that are fsynced whole lines. */
  good: number;
}

/** The folder that a `file://` address names. @throws ConfigError */
export function folderOf(address: string): string {
  const relative = /^file:\/\/(\.{1,2}(?:\/.*)?)$/i.exec(address.trim())?.[1];
  if (relative !== undefined) return path.resolve(decodeURIComponent(relative));
  try {
    return fileURLToPath(address.trim());
  } catch (cause) {
    throw new ConfigError(`Address: "${address}" is not a folder on this machine; write file:///data/points`, {
      cause,
    });
  }
}

/**
 * Files named `points-<writer>-<time>.lp`, appended to and fsynced before a write resolves. A new process begins a new
 * file, after it has cut off a line that a crash tore at the end of its last one.
 * @param writer identity of this writer, stable over restarts: only its own files are mended
 */
export function influxFiles(address: string, writer: string): InfluxTarget {
  const folder = folderOf(address);
  let part: OpenPart | undefined;
  let mended = false;
  let count = 0;
  let turn: Promise<unknown> = Promise.resolve();

  const begin = async (): Promise<OpenPart> => {
    await fs.mkdir(folder, { recursive: true });
    if (!mended) await mend(folder, `points-${writer}-`);
    mended = true;
    const stamp = new Date().toISOString().replaceAll(/[-:]/g, "");
    const name = path.join(folder, `points-${writer}-${stamp}-${String(++count).padStart(4, "0")}.lp`);
    const handle = await fs.open(name, "ax");
    await syncDirectory(folder);
    return { handle, name, good: 0 };
  };

  const append = async (text: Buffer): Promise<void> => {
    part ??= await begin();
    try {
      await writeAll(part.handle, text);
      await part.handle.datasync();
      part.good += text.length;
    } catch (error) {
      // nothing of a failed write may stay: it comes again
      await part.handle.truncate(part.good).catch(() => undefined);
      await end();
      throw error;
    }
    if (part.good >= LONGEST_FILE) await end();
  };

  const end = async (): Promise<void> => {
    const ended = part;
    part = undefined;
    await ended?.handle.close();
  };

  /** Several sinks may share the files: one write at a time. */
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const next = turn.then(action, action);
    turn = next.catch(() => undefined);
    return next;
  };

  return {
    address: `file://${folder}`,
    rows() {
      throw new ConfigError(`${address} holds points for "influx write": points are read from a server`);
    },
    async write(lines, unit) {
      const text = Buffer.from(lines.map(({ body, time }) => `${body} ${inNanoseconds(time, unit)}\n`).join(""));
      try {
        await inTurn(() => append(text));
      } catch (error) {
        throw new Retriable(`Points can't be written to ${folder}: ${messageOf(error)}`, {
          cause: error,
          unreachable: true,
        });
      }
    },
    async test() {
      const probe = path.join(folder, `.probe-${process.pid}`);
      try {
        await fs.mkdir(folder, { recursive: true });
        await fs.writeFile(probe, "probe\n", { flush: true });
        await fs.rm(probe);
      } catch (error) {
        throw new ConfigError(`${folder} can't be written: ${messageOf(error)}`, { cause: error });
      }
      return { word: "folder", version: "" };
    },
    close: () => inTurn(end),
  };
}

/** Cuts a torn line off the last file of a writer. */
async function mend(folder: string, prefix: string): Promise<void> {
  const last = (await fs.readdir(folder))
    .filter((name) => name.startsWith(prefix) && name.endsWith(".lp"))
    .sort()
    .at(-1);
  if (last === undefined) return;
  const file = path.join(folder, last);
  const bytes = await fs.readFile(file);
  const whole = wholeLines(bytes);
  if (whole < bytes.length) await fs.truncate(file, whole);
}
