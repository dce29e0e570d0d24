/** MIT Kerberos: a key distribution centre with one realm, and keytabs of its principals. */
import { existsSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { installApt } from "./apt";
import type { ServiceDefinition } from "./definition";
import { MissingProgram, find, run } from "./programs";

const REALM = "CITYSTREAM.TEST";
const HOST = "127.0.0.1";

export interface KdcAddress {
  readonly realm: string;
  /** What `KRB5_CONFIG` names. */
  readonly config: string;
  /** Keys of `hdfs/127.0.0.1` and `HTTP/127.0.0.1`. */
  readonly serviceKeytab: string;
  /** A user with a key. */
  readonly user: string;
  readonly userKeytab: string;
}

const programs = ["krb5kdc", "kdb5_util", "kadmin.local", "kinit"] as const;

async function install(): Promise<void> {
  const missing = (): string | undefined => programs.find((program) => !find(program));
  if (missing() !== undefined)
    await installApt(["krb5-kdc", "krb5-admin-server", "krb5-user"], () => missing() === undefined);
  const name = missing();
  if (name !== undefined) throw new MissingProgram(name, "a key distribution centre");
}

export const kdc: ServiceDefinition<object, KdcAddress> = {
  name: "kdc",
  about: "MIT Kerberos, a key distribution centre with one realm, the system's packages",
  install,
  async prepare(place) {
    await install();
    const file = (name: string): string => join(place.directory, name);
    const address = `${HOST}:${await place.port("kdc")}`;
    const [config, profile] = [file("krb5.conf"), file("kdc.conf")];
    const [serviceKeytab, userKeytab] = [file("service.keytab"), file("user.keytab")];
    const user = "citystream";
    writeFileSync(
      config,
      `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  ${REALM} = {
    kdc = ${address}
  }
`,
    );
    writeFileSync(
      profile,
      `[kdcdefaults]
  kdc_listen = ${address}
  kdc_tcp_listen = ${address}
[realms]
  ${REALM} = {
    database_name = ${file("principal")}
    key_stash_file = ${file("stash")}
    acl_file = ${file("acl")}
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }
`,
    );
    const env = { KRB5_CONFIG: config, KRB5_KDC_PROFILE: profile };
    if (!existsSync(serviceKeytab)) {
      await run(find("kdb5_util") ?? "", ["create", "-s", "-r", REALM, "-P", "master"], { env });
      const services = [`hdfs/${HOST}`, `HTTP/${HOST}`];
      const ask = (query: string): Promise<string> => run(find("kadmin.local") ?? "", ["-q", query], { env });
      for (const principal of [...services, user]) await ask(`addprinc -randkey ${principal}@${REALM}`);
      await ask(`ktadd -k ${serviceKeytab} ${services.join(" ")}`);
      await ask(`ktadd -k ${userKeytab} ${user}`);
    }
    return {
      address: { realm: REALM, config, serviceKeytab, user, userKeytab },
      processes: [
        {
          name: "kdc",
          program: find("krb5kdc") ?? "",
          args: ["-n"],
          env,
          directory: place.directory,
          log: file("kdc.log"),
          ready: () => listens(address),
        },
      ],
    };
  },
};

const listens = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const [host = "", port] = address.split(":");
    const socket = createConnection(Number(port), host);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
