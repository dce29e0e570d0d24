/** MariaDB with a row-based binary log, as change data capture needs it. */
import { existsSync, mkdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { fromApt } from "./apt";
import type { ServiceDefinition } from "./definition";
import { run } from "./programs";

export interface MariaDbOptions {
  /** Databases to create; `city` when absent. */
  readonly databases?: readonly string[];
  /** The user who may do everything; `city` with the password `city` when absent. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Further arguments of mariadbd, such as `--max-connections=5`. */
  readonly args?: readonly string[];
}

export interface MariaDbAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The first database. */
  readonly database: string;
}

const server = () => fromApt("mariadbd", ["mariadb-server"]);

export const mariadb: ServiceDefinition<MariaDbOptions, MariaDbAddress> = {
  name: "mariadb",
  about: "MariaDB with a row-based binary log, the system's package",
  install: async () => void (await server()),
  async prepare(place, options) {
    const program = await server();
    const port = await place.port("sql");
    const data = join(place.directory, "data");
    // its path is bounded to some 100 characters, so it is named relative to the working directory
    const socket = "mariadb.sock";
    const { username } = userInfo();
    if (!existsSync(join(data, "mysql"))) {
      mkdirSync(data, { recursive: true });
      const installer = await fromApt("mariadb-install-db", ["mariadb-server"]);
      await run(installer, [
        "--no-defaults",
        `--datadir=${data}`,
        `--user=${username}`,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
      ]);
    }
    const { user, password } = options.login ?? { user: "city", password: "city" };
    const [database = "city", ...others] = options.databases ?? [];
    const client = await fromApt("mariadb", ["mariadb-client"]);
    const quoted = password.replaceAll("'", "''");
    const statements = [
      ...[database, ...others].map((name) => `CREATE DATABASE IF NOT EXISTS \`${name}\``),
      `CREATE USER IF NOT EXISTS '${user}'@'127.0.0.1' IDENTIFIED BY '${quoted}'`,
      `GRANT ALL PRIVILEGES ON *.* TO '${user}'@'127.0.0.1' WITH GRANT OPTION`,
    ];
    return {
      address: { host: "127.0.0.1", port, user, password, database },
      processes: [
        {
          name: "mariadbd",
          program,
          args: [
            "--no-defaults",
            `--datadir=${data}`,
            `--user=${username}`,
            `--socket=${socket}`,
            `--port=${port}`,
            "--bind-address=127.0.0.1",
            "--server-id=1",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--binlog-row-image=FULL",
            "--skip-name-resolve",
            ...(options.args ?? []),
          ],
          directory: place.directory,
          log: join(place.directory, "mariadbd.log"),
          ready: /ready for connections/,
        },
      ],
      ready: async () => {
        const sql = `${statements.join("; ")};`;
        const login = ["--no-defaults", `--socket=${join(place.directory, "data", socket)}`, "--user=root"];
        await run(client, [...login, `--execute=${sql}`]);
        return true;
      },
    };
  },
};
