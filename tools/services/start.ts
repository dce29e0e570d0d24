/** Starting services: one of a kind per process unless a caller wants its own. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CommonOptions, Control, Place, ServiceDefinition } from "./definition";
import { askFirst, temporaryFolder } from "./guard";
import { freePort, isFree } from "./ports";
import { ServiceProcess } from "./process";
import { progress } from "./progress";

const shared = new Map<string, Promise<Control>>();

/** Installs and starts a service, or gives the one that this process already runs with the same options. */
export async function startService<Options extends object, Address extends object>(
  definition: ServiceDefinition<Options, Address>,
  options: Options & CommonOptions,
): Promise<Address & Control> {
  if (options.own) return launch(definition, options);
  const key = `${definition.name} ${JSON.stringify(options)}`;
  let running = shared.get(key) as Promise<Address & Control> | undefined;
  if (!running) {
    running = launch(definition, options);
    shared.set(key, running);
    running.catch(() => shared.delete(key));
  }
  return running;
}

async function launch<Options extends object, Address extends object>(
  definition: ServiceDefinition<Options, Address>,
  options: Options & CommonOptions,
): Promise<Address & Control> {
  await definition.install();
  if (options.directory) askFirst(10_000);
  const place = placeOf(options.directory ?? temporaryFolder(definition.name));
  const step = progress(definition.name);
  const plan = await definition.prepare(place, options);
  const processes = new Map(plan.processes.map((process) => [process.name, new ServiceProcess(process)]));
  const all = [...processes.values()];
  const start = async () => {
    for (const process of all) {
      step.update(`starting ${process.plan.name}`);
      await process.start();
    }
    if (plan.ready) await until(definition.name, plan.ready);
  };
  const stop = async () => {
    for (const process of all.toReversed()) await process.stop();
  };
  await start();
  step.end("started");
  return {
    ...plan.address,
    directory: place.directory,
    processes,
    start,
    stop,
    kill9: async () => void (await Promise.all(all.map((process) => process.kill9()))),
    restart: async () => {
      await stop();
      await start();
    },
    pause: () => all.forEach((process) => process.pause()),
    resume: () => all.forEach((process) => process.resume()),
  };
}

async function until(name: string, ready: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 180_000;
  while (!(await ready().catch(() => false))) {
    if (Date.now() > end) throw new Error(`${name}: its processes run, but it was not ready after 180 s`);
    await delay(100);
  }
}

function placeOf(directory: string): Place {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "ports.json");
  const ports = readPorts(file);
  return {
    directory,
    async port(name) {
      const before = ports[name];
      const port = before !== undefined && (await isFree(before)) ? before : await freePort();
      ports[name] = port;
      writeFileSync(file, JSON.stringify(ports));
      return port;
    },
  };
}

function readPorts(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, number>;
  } catch {
    return {};
  }
}
