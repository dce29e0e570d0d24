/** Where the reading of files stands, in a file that is replaced atomically: a kill leaves the old one or the new one. */
import { mkdir, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { syncDirectory, writeDurably } from "../durable";
import { ConfigError, messageOf } from "../errors";

/** Everything before it is finished downstream. */
export interface Position {
  readonly offset: number;
  /** Number of the line at the offset, from 1. */
  readonly line: number;
  /** What the file began with, to notice that another one has taken its place. */
  readonly beginning: Beginning;
}

export interface Beginning {
  readonly length: number;
  readonly sha1: string;
}

export type Positions<P = Position> = Readonly<Record<string, P>>;

/**
 * The stored positions by path; none when there is no such file yet.
 * @throws ConfigError when it is there and cannot be read: starting anew would repeat everything.
 */
export async function loadPositions<P = Position>(file: string): Promise<Positions<P>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new ConfigError(`Position file: ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  try {
    const { files } = JSON.parse(text) as { files?: unknown };
    if (typeof files !== "object" || files === null) throw new Error("it holds no positions");
    return files as Positions<P>;
  } catch (error) {
    throw new ConfigError(
      `Position file: ${file} is no position file (${messageOf(error)}); choose another name, or delete it to begin anew`,
      { cause: error },
    );
  }
}

/** Durable when it resolves. */
export async function savePositions(file: string, files: Positions<unknown>): Promise<void> {
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  const temporary = `${file}.tmp`;
  await writeDurably(temporary, `${JSON.stringify({ version: 1, files }, null, 2)}\n`, "w");
  await rename(temporary, file);
  await syncDirectory(folder);
}
