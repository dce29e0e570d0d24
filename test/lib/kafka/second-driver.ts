/** The second driver, for tests: the optional package, and a Node.js that it runs on. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { Context } from "mocha";
import { node24, platformatic } from "../../../tools/services";
import { MissingProgram } from "../../../tools/services/programs";

const ROOT = path.resolve(__dirname, "../../../..");

export interface SecondDriver {
  /** Settings of the cluster node. */
  readonly cluster: { readonly client: "platformatic" };
  /** Path of the node binary. */
  readonly node: string;
  /** Where Node.js finds the package. */
  readonly env: { readonly NODE_PATH: string };
}

/** Fetched once per machine. @throws MissingProgram */
export const secondDriver = async (): Promise<SecondDriver> => {
  const [node, folder] = await Promise.all([node24(), platformatic()]);
  return { cluster: { client: "platformatic" }, node, env: { NODE_PATH: folder } };
};

/** The same for a test: skips naming what is missing, fails when CI=true. */
export const secondDriverFor = async (context: Context): Promise<SecondDriver> => {
  context.timeout(600_000);
  try {
    return await secondDriver();
  } catch (error) {
    if (!(error instanceof MissingProgram) || process.env["CI"] === "true") throw error;
    console.warn(`      skipped: ${error.message}`);
    return context.skip();
  }
};

/**
 * Runs tests in a process with the second driver.
 * @param tests paths below `test/`, without `.test.ts`
 * @returns what mocha printed
 */
export const testWith = async ({ node, env }: SecondDriver, tests: readonly string[]): Promise<string> => {
  const files = tests.map((name) => path.join(ROOT, "dist/test", `${name}.test.js`));
  const mocha = path.join(ROOT, "node_modules/mocha/bin/mocha.js");
  try {
    const { stdout } = await promisify(execFile)(node, [mocha, ...files], {
      cwd: ROOT,
      env: { ...process.env, ...env, CITYSTREAM_KAFKA_CLIENT: "platformatic" },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`with the second driver:\n${stdout.slice(-10_000)}${stderr.slice(-4000)}`, { cause: error });
  }
};
