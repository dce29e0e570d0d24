/** `npm run services -- list | install [names] | up <names>`. */
import { extras, programs, service, type ServiceName, services } from "./index";

const usage = `usage: npm run services -- list
       npm run services -- install [names; all but the extras when none is given]
       npm run services -- up <names>     runs until Ctrl-C`;

function known<N extends string>(args: readonly string[], all: Readonly<Record<N, unknown>>): N[] {
  const unknown = args.filter((name) => !(name in all));
  if (unknown.length === 0) return args as N[];
  throw new Error(`there is no ${unknown.join(", ")}; there are ${Object.keys(all).join(", ")}`);
}

async function up(wanted: readonly ServiceName[]): Promise<void> {
  if (wanted.length === 0) throw new Error(usage);
  const running: { name: string; stop(): Promise<void> }[] = [];
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(1);
    stopping = true;
    for (const one of running.toReversed()) await one.stop();
    process.exit(0);
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => void stop());
  for (const name of wanted) {
    const one = await service(name);
    running.push({ name, stop: () => one.stop() });
    const address = Object.entries(one).filter(([, value]) => typeof value === "string" && value);
    const pids = [...one.processes].map(([part, process]) => `${part} ${process.pid}`);
    console.log(
      `${name}: ${address.map(([key, value]) => `${key} ${value}`).join(", ")}, processes ${pids.join(", ")}`,
    );
  }
  console.log("running; Ctrl-C stops");
  setInterval(() => undefined, 1 << 30);
}

async function main([command, ...rest]: readonly string[]): Promise<void> {
  const usual = { ...services, ...programs };
  const all = { ...usual, ...extras };
  if (command === "list") {
    for (const [name, { about }] of Object.entries(all)) console.log(`${name.padEnd(12)} ${about}`);
  } else if (command === "install") {
    await Promise.all(
      (rest.length > 0 ? known(rest, all) : known(Object.keys(usual), all)).map((name) => all[name].install()),
    );
  } else if (command === "up") await up(known(rest, services));
  else throw new Error(usage);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
