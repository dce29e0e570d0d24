/** InfluxDB 1.8: the v1 API, `/api/v2/write` and Flux queries. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceDefinition } from "./definition";
import { goInstall } from "./go";

const version = "1.8.10";

export interface InfluxOptions {
  /** Databases to create; `city` when absent. */
  readonly databases?: readonly string[];
  /** Demands a login; this user may do everything. */
  readonly admin?: { readonly user: string; readonly password: string };
  /** Further lines of influxd.conf's `[http]` part, such as `max-body-size = 1000`. */
  readonly http?: readonly string[];
}

export interface InfluxAddress {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** The first database. */
  readonly database: string;
}

const install = (): Promise<string> =>
  goInstall("influxd", version, "github.com/influxdata/influxdb/cmd/influxd", "InfluxDB");

export const influx: ServiceDefinition<InfluxOptions, InfluxAddress> = {
  name: "influx",
  about: `InfluxDB ${version} (v1 and v2 write API, Flux), built once by Go`,
  install: async () => void (await install()),
  async prepare(place, options) {
    const program = join(await install(), process.platform === "win32" ? "influxd.exe" : "influxd");
    const address = `127.0.0.1:${await place.port("http")}`;
    const url = `http://${address}`;
    const [database = "city", ...others] = options.databases ?? [];
    const config = join(place.directory, "influxd.conf");
    for (const part of ["meta", "data", "wal"]) mkdirSync(join(place.directory, part), { recursive: true });
    writeFileSync(
      config,
      `reporting-disabled = true
bind-address = "127.0.0.1:${await place.port("rpc")}"
[meta]
  dir = ${JSON.stringify(join(place.directory, "meta"))}
[data]
  dir = ${JSON.stringify(join(place.directory, "data"))}
  wal-dir = ${JSON.stringify(join(place.directory, "wal"))}
[http]
  bind-address = "${address}"
  auth-enabled = ${options.admin !== undefined}
  flux-enabled = true
  log-enabled = false
${(options.http ?? []).map((line) => `  ${line}\n`).join("")}`,
    );
    return {
      address: { url, database },
      processes: [
        {
          name: "influxd",
          program,
          args: ["-config", config],
          directory: place.directory,
          log: join(place.directory, "influxd.log"),
          ready: async () => (await fetch(`${url}/ping`)).status === 204,
        },
      ],
      ready: async () => {
        if (options.admin) await createAdmin(url, options.admin);
        for (const name of [database, ...others]) await query(url, `CREATE DATABASE "${name}"`, options.admin);
        return true;
      },
    };
  },
};

type Login = { readonly user: string; readonly password: string };

/** Only the first admin can be created without a login; on the next start it is there. */
async function createAdmin(url: string, { user, password }: Login): Promise<void> {
  const known = await query(url, "SHOW DATABASES", { user, password }).then(
    () => true,
    () => false,
  );
  if (!known) await query(url, `CREATE USER "${user}" WITH PASSWORD '${password}' WITH ALL PRIVILEGES`);
}

async function query(url: string, q: string, login?: Login): Promise<void> {
  const answer = await fetch(`${url}/query?${new URLSearchParams({ q })}`, {
    method: "POST",
    headers: login
      ? { authorization: `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}` }
      : {},
  });
  const text = await answer.text();
  if (!answer.ok || text.includes('"error"')) throw new Error(`InfluxDB answered ${answer.status}: ${text}`);
}
