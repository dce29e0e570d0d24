/**
 * `npm run soak`: the fault laboratory for hours. Goes on where it was stopped, by Ctrl-C or by kill -9, until each case
 * has reached its goal; totals add up in a file. See docs/faults.md.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { service } from "../../tools/services";
import { cacheFolder } from "../../tools/services/cache";
import { temporaryFolder } from "../../tools/services/guard";
import { MissingProgram } from "../../tools/services/programs";
import type { Surroundings } from "../faults/lab/member";
import { USUAL } from "../faults/lab/side-by-side";
import { told } from "../faults/lab/verdict";
import { forgetEnded, lastWords } from "../harness/words";
import { secondDriver } from "../lib/kafka/second-driver";
import { cases } from "./cases";
import { remember, remembered, report, totalsOf, type Family, type Finished } from "./totals";

/** Kept with the sources, so that totals add up over machines: who runs the soak commits it. */
const RECORD = path.join(__dirname, "../../../docs/soak.ndjson");

const FAMILIES = Object.keys(cases) as Family[];

const usage = `usage: npm run soak -- [options]
  --cases ${FAMILIES.join(",")}   which cases; all when absent
  --side-by-side N                        trials at the same time; ${USUAL} here when absent
  --minutes M                             begin no trial after so long
  --file PATH                             where finished trials are kept
  --client platformatic                   with the second Kafka client, and a Node.js that it runs on
  --cluster JSON                          further settings of the Kafka cluster node
  --node PATH                             Node.js for Node-RED
  --more                                  go on when the goals are reached
  --report                                only print the totals`;

function settings() {
  const { values } = parseArgs({
    options: {
      cases: { type: "string", default: FAMILIES.join(",") },
      "side-by-side": { type: "string", default: String(USUAL) },
      minutes: { type: "string", default: "Infinity" },
      file: { type: "string", default: RECORD },
      client: { type: "string", default: "kafkajs" },
      cluster: { type: "string" },
      node: { type: "string" },
      more: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const families = values.cases.split(",") as Family[];
  const unknown = families.filter((family) => !FAMILIES.includes(family));
  const [limit, minutes] = [Number(values["side-by-side"]), Number(values.minutes)];
  if (
    values.help ||
    unknown.length > 0 ||
    !["kafkajs", "platformatic"].includes(values.client) ||
    !(limit >= 1) ||
    !(minutes > 0)
  )
    throw new Error(usage);
  const cluster = values.cluster === undefined ? undefined : (JSON.parse(values.cluster) as Record<string, unknown>);
  return { ...values, file: path.resolve(values.file), families, limit, minutes, cluster };
}

function revision(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: __dirname, encoding: "utf8" }).trim();
  try {
    return (
      git("rev-parse", "--short", "HEAD") +
      (git("status", "--porcelain", "-uno", "--", ":(top)", ":(top,exclude)docs/soak.ndjson") === "" ? "" : "+")
    );
  } catch {
    return "unknown";
  }
}

async function main(): Promise<void> {
  const { file, families, limit, minutes, client, cluster, node, more, report: only } = settings();
  console.log(`finished trials: ${file}`);
  console.log(report(totalsOf(remembered(file))));
  if (only) return;
  const source = revision();
  const driver = client === "platformatic" ? await secondDriver() : undefined;
  const { brokers } = await service("kafka");
  const unless = (what: string) => (error: unknown) => {
    if (!(error instanceof MissingProgram)) throw error;
    console.warn(`without ${what}: ${error.message}`);
    return undefined;
  };
  const influx = await service("influx").catch(unless("InfluxDB"));
  const hdfs = families.includes("lake") ? await service("hdfs") : undefined;

  const began = Date.now();
  const running = new Map<Family, number>();
  const now = { trials: 0, failed: 0, disturbances: 0 };
  const finished = remembered(file);

  const doneOf = (family: Family): number => {
    const total = totalsOf(finished).get(family);
    return (family === "backlog" ? (total?.trials ?? 0) - (total?.failed ?? 0) : total?.disturbances) ?? 0;
  };
  /** What is furthest from its goal. The mountain is measured alone, after the others. */
  const next = (): Family | undefined => {
    if (Date.now() - began > minutes * 60_000) return undefined;
    const open = families
      .map((family) => ({ family, part: doneOf(family) / cases[family].goal + (running.get(family) ?? 0) * 0.05 }))
      .filter(({ family, part }) => part < 1 || (more && family !== "backlog"))
      .sort((a, b) => a.part - b.part);
    return (open.find(({ family }) => family !== "backlog") ?? open[0])?.family;
  };

  const one = async (family: Family, index: number): Promise<void> => {
    const folder = temporaryFolder(`soak-${family}`);
    const around: Surroundings = {
      brokers,
      influx,
      hdfs,
      folder,
      cluster: { ...driver?.cluster, ...cluster },
      node: node ?? driver?.node,
      env: driver?.env,
    };
    const ended: { verdict?: Finished["verdict"]; error?: string } = {};
    try {
      const verdict = await cases[family].run(around, () => void now.disturbances++, index);
      ended.verdict = verdict;
    } catch (error) {
      ended.error = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const trial = { family, at: new Date().toISOString(), revision: source, ...ended } as Finished;
    remember(file, trial);
    finished.push(trial);
    now.trials++;
    const failed = trial.error !== undefined || (trial.verdict?.faults.length ?? 0) > 0;
    // Worth a look, though within the promise: a process that lost its partitions, or something that should be known.
    const curious = (trial.verdict?.figures["againWithoutKill"] ?? 0) > 0;
    if (failed || curious) {
      const name = `${family}-${trial.at.replaceAll(":", "-")}`;
      const evidence = path.join(cacheFolder(), "soak", failed ? "failures" : "curious", name);
      mkdirSync(evidence, { recursive: true });
      const words = [trial.verdict ? told(trial.verdict) : trial.error, ...(await lastWords())].join("\n");
      writeFileSync(path.join(evidence, "verdict.txt"), `${words}\n`);
      for (const log of readdirSync(folder).filter((each) => each.endsWith(".log")))
        copyFileSync(path.join(folder, log), path.join(evidence, log));
      const why = trial.verdict?.faults[0] ?? trial.error?.split("\n")[0];
      if (failed) say(`FAILED ${family}: ${why}; see ${evidence}`);
    }
    if (failed) now.failed++;
    forgetEnded();
    rmSync(folder, { recursive: true, force: true });
  };

  const live = (): string => {
    const parts = families.map((family) => `${family} ${doneOf(family)}/${cases[family].goal}`);
    const all = [...totalsOf(finished).values()];
    const sum = (name: "sent" | "missing" | "failed"): number => all.reduce((total, each) => total + each[name], 0);
    const hours = Math.max(0.01, (Date.now() - began) / 3_600_000);
    return (
      `${parts.join(", ")}; ${sum("sent").toLocaleString("en")} records, ${sum("missing")} missing, ${sum("failed")} trials failed; ` +
      `now ${[...running.values()].reduce((total, count) => total + count, 0)} running, ${Math.round(now.disturbances / hours)} disturbances an hour`
    );
  };
  const say = (text: string): void => console.log(process.stdout.isTTY ? `\r\u001B[K${text}` : text);
  const clock = setInterval(
    () => (process.stdout.isTTY ? process.stdout.write(`\r\u001B[K${live()}`) : console.log(live())),
    process.stdout.isTTY ? 1000 : 60_000,
  );
  const end = (code: number): never => {
    clearInterval(clock);
    say(live());
    console.log(report(totalsOf(finished)));
    // Processes that this one started end with it.
    process.exit(code);
  };
  for (const [name, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    process.once(name, () => end(code));

  const lane = async (): Promise<void> => {
    for (let family = next(); family; family = next()) {
      if (family === "backlog" && [...running.values()].some((count) => count > 0)) return;
      const index = finished.filter((trial) => trial.family === family).length + (running.get(family) ?? 0);
      running.set(family, (running.get(family) ?? 0) + 1);
      await one(family, index);
      running.set(family, (running.get(family) ?? 0) - 1);
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  end(now.failed > 0 ? 1 : 0);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error && error.message.startsWith("usage") ? error.message : error);
  process.exit(1);
});
