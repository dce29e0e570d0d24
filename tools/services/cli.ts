/** `npm run services -- list | install [names] | up <names>`. */
import { service, type ServiceName, services } from "./index";

const usage = `usage: npm run services -- list
       npm run services -- install [names; all when none is given]
       npm run services -- up <names>     runs until Ctrl-C`;

function names(args: readonly string[]): ServiceName[] {
  const unknown = args.filter((name) => !(name in services));
  if (unknown.length === 0) return args as ServiceName[];
  throw new Error(`no service is called ${unknown.join(", ")}; there are ${Object.keys(services).join(", ")}`);
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
  if (command === "list") for (const one of Object.values(services)) console.log(`${one.name.padEnd(12)} ${one.about}`);
  else if (command === "install") {
    const wanted = rest.length > 0 ? names(rest) : (Object.keys(services) as ServiceName[]);
    for (const name of wanted) await services[name].install();
  } else if (command === "up") await up(names(rest));
  else throw new Error(usage);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
