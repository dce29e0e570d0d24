/** Reads a file as Hadoop's own shell does: by the codec of its extension. */
import { execFile } from "node:child_process";
import type { Context } from "mocha";
import { promisify } from "node:util";
import { MissingProgram } from "../../../tools/services/programs";
import { hadoopCommand } from "../../../tools/services/hdfs";
import { temporaryFolder } from "./stores";

/** `hadoop fs -text` of a local file. Skips the test where this machine lacks Java or Maven, fails it with `CI=true`. */
export async function hadoopText(context: Context, file: string): Promise<string> {
  context.timeout(600_000);
  try {
    const place = { directory: temporaryFolder(), port: () => Promise.resolve(0) };
    const { program, args } = await hadoopCommand(place, "shell", { core: { "fs.defaultFS": "file:///" } });
    // its log would stand among what it reads
    const all = [
      "-Dlog4j.defaultInitOverride=true",
      "-Dfile.encoding=UTF-8",
      "-Dstdout.encoding=UTF-8",
      ...args,
      "org.apache.hadoop.fs.FsShell",
    ];
    const { stdout } = await promisify(execFile)(program, [...all, "-text", `file://${file}`], {
      maxBuffer: 1 << 28,
      encoding: "utf8",
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof MissingProgram) || process.env["CI"] === "true") throw error;
    console.warn(`      skipped: ${error.message}`);
    return context.skip();
  }
}
