/** Kafka's own console tools, as other clients that know nothing of ours. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { javaCommand, log4j } from "../../../tools/services/kafka";

/** Runs a tool to its end; its standard output as lines, without the last line break. */
const runTool = async (name: string, args: readonly string[], input = "", harmless?: RegExp): Promise<string[]> => {
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
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.stdin.on("error", () => undefined).end(input);
    const code = await new Promise((resolve) => child.once("close", resolve));
    const said = Buffer.concat(errors)
      .toString()
      .replace(harmless ?? /^$/, "");
    if (code !== 0 || / ERROR |Exception/.test(said))
      throw new Error(`${name} ended with ${String(code)}: ${said.slice(-1500)}`);
    return Buffer.concat(output).toString().split("\n").slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

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
    lines.map((line) => `${line}\n`).join(""),
  );
};

/** Reads so many records of a topic by Java's client; their values as text, `null` for a tombstone. */
export const readByJava = (brokers: string, topic: string, count: number): Promise<string[]> =>
  runTool(
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
  runTool(
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    [
      ...`--bootstrap-server ${brokers} --include ${topics.join("|")} --from-beginning`.split(" "),
      ...`--isolation-level read_committed --max-messages ${most} --timeout-ms ${silence}`.split(" "),
      ...formatter.flatMap((property) => ["--formatter-property", property]),
    ],
    "",
    SILENCE,
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
