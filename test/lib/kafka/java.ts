/** Kafka's own console tools, as other clients that know nothing of ours. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { javaCommand, log4j } from "../../../tools/services/kafka";

interface Run {
  readonly input?: string;
  /** What it says that is no error. */
  readonly harmless?: RegExp;
  /** Told all that it has printed so far; true: it may end. */
  readonly enough?: (printed: string) => boolean;
}

/** Runs a tool to its end; what it has printed. */
const runTool = async (name: string, args: readonly string[], run: Run = {}): Promise<string> => {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-java-"));
  try {
    const logging = path.join(folder, "log4j2.properties");
    writeFileSync(
      logging,
      log4j
        .replace("=INFO", "=ERROR")
        .replace("console.type=Console", "console.type=Console\nappender.console.target=SYSTEM_ERR"),
    );
    const java = await javaCommand(logging, 256);
    const child = spawn(java.program, [
      "-Dstdout.encoding=UTF-8",
      "-Dfile.encoding=UTF-8",
      ...java.args,
      name,
      ...args,
    ]);
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let ended = false;
    child.stdout.on("data", (chunk: Buffer) => {
      output.push(chunk);
      if (ended || run.enough?.(Buffer.concat(output).toString()) !== true) return;
      ended = true;
      child.kill("SIGKILL");
    });
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.stdin.on("error", () => undefined).end(run.input ?? "");
    const code = await new Promise((resolve) => child.once("close", resolve));
    const said = Buffer.concat(errors)
      .toString()
      .replace(run.harmless ?? /^$/, "");
    if ((code !== 0 && !ended) || / ERROR |Exception/.test(said))
      throw new Error(`${name} ended with ${String(code)}: ${said.slice(-1500)}`);
    return Buffer.concat(output).toString();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** The same as lines, without the last line break. */
const linesOf = async (name: string, args: readonly string[], run: Run = {}): Promise<string[]> =>
  (await runTool(name, args, run)).split("\n").slice(0, -1);

/** Writes each line as a record's value by Java's client. */
export const writeByJava = async (
  brokers: string,
  topic: string,
  compression: string,
  lines: readonly string[],
): Promise<void> => {
  const settings = ["max.request.size=8000000", "linger.ms=50", "batch.size=300000", `compression.type=${compression}`];
  await runTool(
    "org.apache.kafka.tools.ConsoleProducer",
    ["--bootstrap-server", brokers, "--topic", topic, "--compression-codec", compression].concat(
      settings.flatMap((one) => ["--command-property", one]),
    ),
    { input: lines.map((line) => `${line}\n`).join("") },
  );
};

/** Reads so many records of a topic by Java's client; their values as text, `null` for a tombstone. */
export const readByJava = (brokers: string, topic: string, count: number): Promise<string[]> =>
  linesOf(
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    `--bootstrap-server ${brokers} --topic ${topic} --from-beginning --max-messages ${count} --timeout-ms 60000`.split(
      " ",
    ),
  );

/** How the console consumer says that nothing has come for `--timeout-ms`. */
const SILENCE = /.*ERROR Error processing message, terminating consumer process:.*\n.*TimeoutException.*/;

/**
 * The first `most` records that a reader of committed ones finds in these topics by Java's client; fewer when nothing has
 * come for `silence` ms.
 */
export const readCommittedByJava = (
  brokers: string,
  topics: readonly string[],
  most: number,
  { silence = 120_000, formatter = [] }: { silence?: number; formatter?: readonly string[] } = {},
): Promise<string[]> =>
  linesOf(
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    [
      ...`--bootstrap-server ${brokers} --include ${topics.join("|")} --from-beginning`.split(" "),
      ...`--isolation-level read_committed --max-messages ${most} --timeout-ms ${silence}`.split(" "),
      ...formatter.flatMap((property) => ["--formatter-property", property]),
    ],
    { harmless: SILENCE },
  );

export interface Stored {
  readonly partition: number;
  readonly offset: number;
  /** ms since the epoch */
  readonly time: number;
  readonly value: string;
}

const STORED = /^(?:CreateTime|LogAppendTime):(\d+)\tPartition:(\d+)\tOffset:(\d+)\t(.*)$/u;

/** The same with where each record lies; values must be one line. */
export const readStoredByJava = async (
  brokers: string,
  topic: string,
  most: number,
  silence?: number,
): Promise<Stored[]> => {
  const formatter = ["timestamp", "partition", "offset"].map((what) => `print.${what}=true`);
  const lines = await readCommittedByJava(brokers, [topic], most, { formatter, ...(silence && { silence }) });
  return lines.map((line) => {
    const [, time, partition, offset, value] = STORED.exec(line) ?? [];
    if (value === undefined) throw new Error(`the console consumer printed: ${line.slice(0, 200)}`);
    return { time: Number(time), partition: Number(partition), offset: Number(offset), value };
  });
};

export interface StoredCommit {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ms since the epoch, the broker's */
  readonly time: number;
}

interface PrintedCommit {
  readonly key: { readonly data: Pick<StoredCommit, "group" | "topic" | "partition"> };
  readonly value: { readonly data: { readonly offset: number; readonly commitTimestamp: number } } | null;
}

/** Commits of offsets in one partition of `__consumer_offsets`, from its first to where a group has committed `last`. */
export const readCommitsByJava = async (
  brokers: string,
  partition: number,
  group: string,
  last: number,
): Promise<StoredCommit[]> => {
  const isLast = (one: StoredCommit): boolean => one.group === group && one.offset === last;
  const read = (printed: string): StoredCommit[] =>
    printed
      .replaceAll('}{"key"', '}\n{"key"')
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}}"))
      .map((line) => JSON.parse(line) as PrintedCommit)
      .flatMap(({ key, value }) =>
        value === null ? [] : [{ ...key.data, offset: value.data.offset, time: value.data.commitTimestamp }],
      );
  const printed = await runTool(
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    [
      ...`--bootstrap-server ${brokers} --topic __consumer_offsets --partition ${partition} --offset earliest`.split(
        " ",
      ),
      ..."--isolation-level read_committed --timeout-ms 120000 --formatter".split(" "),
      "org.apache.kafka.tools.consumer.OffsetsMessageFormatter",
    ],
    { harmless: SILENCE, enough: (so) => so.includes(`:${last},`) && read(so).some(isLast) },
  );
  const commits = read(printed);
  const end = commits.findIndex(isLast);
  if (end < 0) throw new Error(`the last commit was not found in partition ${partition} of __consumer_offsets`);
  return commits.slice(0, end);
};
