/** `npm start`: the main flow on Node-RED, with nothing prepared. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../editor/nodes";
import { isFree } from "../services/ports";
import { lineOf, sample, type Sample } from "./counts";
import { type NodeRed, startNodeRed } from "./node-red";
import { readOptions, type StartOptions } from "./options";
import { type Surroundings, surround } from "./surroundings";
import { prepareUserDirectory } from "./user-directory";
import type { FlowNode } from "./without-kafka";

const say = (line: string): void => console.log(line);

async function checkPort(port: number, option: string, what: string): Promise<void> {
  if (await isFree(port)) return;
  throw new Error(
    `port ${port} of 127.0.0.1, for ${what}, is taken by another program: stop that, or choose another port with npm start -- ${option} ${port + 1}`,
  );
}

/** One run at a time works on a data folder; a run that was killed is no longer one. */
function claim(data: string): () => void {
  mkdirSync(data, { recursive: true });
  const file = path.join(data, "running.pid");
  const other = Number(read(file));
  if (other > 0 && other !== process.pid && alive(other)) {
    throw new Error(
      `npm start runs already as process ${other} on ${data}: stop it, or choose another folder with --data`,
    );
  }
  writeFileSync(file, String(process.pid));
  return () => rmSync(file, { force: true });
}

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** Where the flow's dashboards are. */
function dashboards(flow: string, url: string): string[] {
  const nodes = JSON.parse(read(flow)) as FlowNode[];
  return nodes.filter(({ type }) => type === "ui-base").map((node) => `Dashboard      ${url}${String(node["path"])}`);
}

/** For who reads the other one better. */
const otherLanguage = {
  en: "한국어         npm start -- --language ko",
  ko: "English        npm start -- --language en",
} as const;

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  await checkPort(options.port, "--port", "the editor and the dashboard");
  await checkPort(options.mqttPort, "--mqtt-port", "the MQTT broker");
  const release = claim(options.data);
  const started: { surroundings?: Surroundings; nodeRed?: NodeRed } = {};
  const ending = new AbortController();
  const stop = stopper(started, ending, release);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(signal));
  try {
    const surroundings = await surround(options, process.env);
    started.surroundings = surroundings;
    if (ending.signal.aborted) return;
    await run(options, surroundings, started, ending);
  } catch (error) {
    if (ending.signal.aborted) return;
    await started.surroundings?.stop();
    release();
    throw error;
  }
}

async function run(
  options: StartOptions,
  surroundings: Surroundings,
  started: { nodeRed?: NodeRed },
  ending: AbortController,
): Promise<void> {
  const userDirectory = path.join(options.data, "node-red");
  const wanted = { ...surroundings, folder: userDirectory, flow: options.flow, language: options.language };
  const kept = prepareUserDirectory(wanted);
  const line = liveLine();
  const launch = async (): Promise<NodeRed> => {
    const nodeRed = await startNodeRed({
      userDirectory,
      log: path.join(options.data, "node-red.log"),
      port: options.port,
      env: {
        ...surroundings.env,
        CITYSTREAM_MQTT_PORT: String(options.mqttPort),
        CITYSTREAM_SPEED: String(options.speed),
        CITYSTREAM_DATA: options.data,
        CITYSTREAM_READINGS: path.join(ROOT, "flows/data"),
      },
      trouble: line.above,
    });
    started.nodeRed = nodeRed;
    void nodeRed.ended.then(async (words) => {
      if (ending.signal.aborted || started.nodeRed !== nodeRed) return;
      line.above(words);
      await surroundings.stop();
      process.exit(1);
    });
    return nodeRed;
  };
  const nodeRed = await launch();
  say("");
  for (const about of surroundings.about) say(about);
  if (kept) say(kept);
  say(`Node-RED       ${nodeRed.version} on Node.js ${process.versions.node}`);
  say(`Editor         ${nodeRed.url}/`);
  for (const dashboard of dashboards(path.join(userDirectory, "flows.json"), nodeRed.url)) say(dashboard);
  say(otherLanguage[options.language]);
  say("Ctrl-C stops everything; the next start goes on where it was.\n");
  let before: Sample | undefined;
  const look = async (): Promise<void> => {
    const now = await sample(nodeRed.url);
    if (now && !ending.signal.aborted) line.show(lineOf(now, before));
    before = now ?? before;
  };
  const timer = setInterval(() => void look(), line.interval);
  ending.signal.addEventListener("abort", () => clearInterval(timer));
  serveRestarts(async () => {
    if (ending.signal.aborted) return;
    line.above("something changed: Node-RED starts again");
    const old = started.nodeRed;
    delete started.nodeRed;
    await old?.stop();
    prepareUserDirectory(wanted);
    await launch();
  });
}

/** `npm run dev` asks for a new Node-RED when something has changed, and is told when it is up; the servers go on. */
function serveRestarts(restart: () => Promise<void>): void {
  if (!process.send) return;
  process.on("message", (said) => {
    if (said !== "restart") return;
    restart()
      .catch((error: unknown) => console.error(error instanceof Error ? error.message : error))
      .finally(() => process.send?.("started"));
  });
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.send("started");
}

/** Stops once, Node-RED first; a second Ctrl-C ends at once. */
function stopper(
  started: { surroundings?: Surroundings; nodeRed?: NodeRed },
  ending: AbortController,
  release: () => void,
): (signal: NodeJS.Signals) => Promise<void> {
  return async (signal) => {
    if (ending.signal.aborted) process.exit(130);
    ending.abort();
    say(`\n${signal}: stopping Node-RED, then the servers; once more to end at once`);
    await started.nodeRed?.stop();
    await started.surroundings?.stop();
    release();
    process.exit(0);
  };
}

/** A line that is rewritten on a terminal, and repeated now and then in a log. */
function liveLine(): { show(text: string): void; above(text: string): void; readonly interval: number } {
  const terminal = process.stdout.isTTY;
  let shown = "";
  const show = (text: string): void => {
    shown = terminal ? text.slice(0, (process.stdout.columns || 80) - 1) : text;
    process.stdout.write(terminal ? `\r\x1b[K${shown}` : `${shown}\n`);
  };
  return {
    show,
    above(text) {
      process.stdout.write(terminal ? `\r\x1b[K${text}\n${shown}` : `${text}\n`);
    },
    interval: terminal ? 1000 : 10_000,
  };
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
