/**
 * Dead letters in a Kafka topic. While it can't be written for longer than stated they go to a folder instead, durable as
 * well; when it can be written again they are brought there, and their files removed.
 */
import { randomUUID } from "node:crypto";
import { readdir, rename, unlink } from "node:fs/promises";
import path from "node:path";
import type { DeadLetter, DeadLetters, NodeRef } from "../delivery/contract";
import { deadLetterFile, LETTERS, openFiles } from "../delivery/dead-letter-file";
import { decodeDeadLetter, letterOf } from "../delivery/dead-letter-format";
import { readLines } from "../delivery/dead-letter-lines";
import { messageOf, Rejected, Retriable } from "../errors";
import { deadLetterRecords } from "./dead-letter-record";
import type { Kafka, Producer } from "./port";
import { sleep } from "./sleep";

export interface DeadLetterTopicOptions {
  readonly topic: string;
  /** The node that the records came from. */
  readonly from: NodeRef;
  /** Folder of dead letters, and how many bytes it may take. */
  readonly folder: string;
  readonly limit?: number;
  /** How long the topic may be out of order before letters go to the folder, in ms. */
  readonly patience: number;
  /** It works (undefined) or why not. */
  state(trouble: Error | undefined): void;
  warn(text: string): void;
}

/** Between tries to bring letters to a topic that refuses them, in ms. */
const LATER = 5_000;
/** Letters brought to the topic at a time. */
const TOGETHER = 500;

/** Wherever it is written, in the topic and in files, a letter has one id. */
type Named = DeadLetter & { readonly id: string };

/** The folder, below that of dead letters, of those that wait for a topic. */
export const waitingFolder = (folder: string, topic: string): string => path.join(folder, `waiting-for-${topic}`);

/** The topic is made when it is missing. `write` resolves when the letters are durable in the topic or in the folder. */
export const deadLetterTopic = (kafka: Kafka, options: DeadLetterTopicOptions): DeadLetters => {
  const { topic, from, patience } = options;
  const limit = options.limit === undefined ? {} : { limit: options.limit };
  const folder = waitingFolder(options.folder, topic);
  const prefix = from.id;
  const waiting = deadLetterFile({ directory: folder, prefix, ...limit });
  /** For letters that Kafka will never take: too large for the topic. */
  const refused = deadLetterFile({ directory: options.folder, prefix: `${prefix}-refused`, ...limit });
  const closing = new AbortController();
  let away = false;
  let failingSince: number | undefined;
  let bringing: Promise<void> | undefined;

  const open = (): Producer =>
    kafka.producer({
      acks: "all",
      compression: "none",
      linger: 5,
      batchBytes: 256 * 1024,
      bufferBytes: 16 * 1024 * 1024,
      create: { partitions: 1, replication: -1, config: { "retention.ms": "-1" } },
      state: options.state,
    });
  let producer = open();

  /** Writes what the topic takes, files what it never will, and returns the rest with the reason. */
  const send = async (by: Producer, letters: readonly Named[]): Promise<{ left: Named[]; why?: Error }> => {
    const records = letters.flatMap((letter) =>
      deadLetterRecords(topic, letter, letter.id, from).map((record) => ({ letter, record })),
    );
    const outcomes = await by.send(records.map(({ record }) => record));
    const never = new Set<Named>();
    const left = new Set<Named>();
    let why: Error | undefined;
    for (const [n, outcome] of outcomes.entries()) {
      const letter = records[n]?.letter;
      if (!(outcome instanceof Error) || letter === undefined) continue;
      if (outcome instanceof Rejected) {
        options.warn(`a dead letter goes to ${options.folder} instead: ${outcome.message}`);
        never.add(letter);
      } else {
        left.add(letter);
        why = outcome;
      }
    }
    if (never.size > 0) await refused.write([...never]);
    return { left: [...left], ...(why && { why }) };
  };

  const turnAway = (why: string): void => {
    if (away || closing.signal.aborted) return;
    away = true;
    options.warn(
      `topic "${topic}" can't be written for ${Math.round(patience / 1000)} s: dead letters go to ${folder}, and from there to the topic when it can (${why})`,
    );
    const before = producer;
    producer = open();
    void before.close(0);
    bring();
  };

  const bringOn = async (): Promise<void> => {
    while (!closing.signal.aborted)
      try {
        return await bringAll();
      } catch (error) {
        options.warn(`dead letters wait in ${folder}: ${messageOf(error)}`);
        await sleep(LATER, closing.signal);
      }
  };

  const bring = (): void => {
    bringing ??= bringOn().finally(() => (bringing = undefined));
  };

  /** Files of letters that wait, oldest first; those that are being written among them, or not. */
  const filesOf = async (withOpen: boolean): Promise<string[]> => {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return names
      .filter((name) => name.startsWith(`${prefix}-`) && name.endsWith(LETTERS))
      .map((name) => path.join(folder, name))
      .filter((name) => withOpen || !openFiles().has(name))
      .sort();
  };

  /** Letters keep their ids, so that those brought twice, because of a kill in between, can be told. */
  const bringFile = async (file: string): Promise<number> => {
    let count = 0;
    let unreadable = 0;
    for await (const lines of readLines(file, 0))
      for (let first = 0; first < lines.length; first += TOGETHER) {
        let letters = lines.slice(first, first + TOGETHER).flatMap(({ bytes }) => {
          try {
            const letter = letterOf(decodeDeadLetter(bytes.toString()));
            return [{ ...letter, id: letter.id ?? randomUUID() }];
          } catch {
            unreadable++;
            return [];
          }
        });
        count += letters.length;
        while (letters.length > 0) {
          const { left, why } = await send(producer, letters);
          if (closing.signal.aborted && left.length > 0) throw new Error("the node was closed");
          letters = left;
          if (why === undefined) continue;
          options.state(why);
          await sleep(LATER, closing.signal);
        }
      }
    if (unreadable === 0) await unlink(file);
    else {
      await rename(file, `${file}.unreadable`);
      options.warn(
        `${unreadable} dead letters in ${file}.unreadable can't be read; the others were brought to the topic`,
      );
    }
    return count;
  };

  const bringAll = async (): Promise<void> => {
    let count = 0;
    for (;;) {
      // What is being written is finished first, so that its file can be removed.
      await waiting.close();
      const files = await filesOf(false);
      if (files.length === 0) {
        if (!away) break;
        // What was just turned away is perhaps still being written.
        await sleep(LATER, closing.signal);
        if (closing.signal.aborted) return;
        if ((await filesOf(true)).length === 0) away = false;
      }
      for (const file of files) {
        if (closing.signal.aborted) return;
        count += await bringFile(file);
        options.state(undefined);
        failingSince = undefined;
        away = false;
      }
    }
    if (count > 0) options.warn(`topic "${topic}" can be written again: ${count} dead letters were brought to it`);
  };

  const write = async (letters: readonly Named[]): Promise<void> => {
    if (away) return waiting.write(letters);
    let timer: NodeJS.Timeout | undefined;
    const since = failingSince ?? Date.now();
    timer = setTimeout(() => turnAway("no answer"), Math.max(0, since + patience - Date.now()));
    try {
      const { left, why } = await send(producer, letters);
      if (left.length === 0) {
        failingSince = undefined;
        return;
      }
      failingSince ??= since;
      if (!away && Date.now() - failingSince >= patience) turnAway(messageOf(why));
      if (away) return await waiting.write(left);
      throw new Retriable(`dead letters can't be written to topic "${topic}": ${messageOf(why)}`, { cause: why });
    } finally {
      clearTimeout(timer);
    }
  };

  // What an earlier process has left.
  bring();
  return {
    write: (letters) =>
      letters.length === 0
        ? Promise.resolve()
        : write(letters.map((letter) => ({ ...letter, id: letter.id ?? randomUUID() }))),
    async close() {
      closing.abort();
      await producer.close(3000);
      await bringing;
      await waiting.close();
      await refused.close();
    },
  };
};
