/**
 * Logins by Kerberos (SPNEGO, RFC 4559), with the package `kerberos` that the user has installed: it speaks to the
 * system's GSSAPI, or to SSPI on Windows.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { limiter } from "../../back-off";
import { ConfigError, messageOf } from "../../errors";
import { findOptional, versionOf } from "../../optional-package";
import { StoreError } from "../store";

export interface KerberosSettings {
  /** `user@REALM`; empty: whom the tickets belong to. */
  readonly principal: string;
  /** File with the principal's key, from which tickets are taken and renewed; empty: tickets that somebody else takes. */
  readonly keytab: string;
  /** Where tickets are (`/tmp/krb5cc_1000`, `KEYRING:…`); empty: where the system keeps those of Node-RED's user. */
  readonly cache: string;
}

/** What goes into the header, and a check of what the server gave back. */
export interface Handshake {
  readonly authorization: string;
  /** @throws StoreError when the server could not prove who it is */
  verify(answer: string | undefined): Promise<void>;
}

/** Begins a login at a web server by its host name. @throws StoreError */
export type Negotiate = (host: string) => Promise<Handshake>;

const PACKAGE = "kerberos";
const MAJOR = "7";
const INSTALL = `npm install ${PACKAGE}@${MAJOR}`;

/** What is used of the package. */
interface Kerberos {
  readonly GSS_MECH_OID_SPNEGO: number;
  initializeClient(service: string, options: { principal?: string; mechOID: number }): Promise<Client>;
}
interface Client {
  readonly contextComplete: boolean;
  step(challenge: string): Promise<string>;
}

/** GSSAPI takes key and tickets from variables of the whole process, so those who set them take turns. */
const inTurn = limiter(1);

async function within<T>(variables: Readonly<Record<string, string>>, action: () => Promise<T>): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await action();
  } finally {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
}

/**
 * @param folder Node-RED's user directory, from which the package and a relative keytab are looked for
 * @throws ConfigError when the package or the keytab is not there
 */
export function kerberosLogin(settings: KerberosSettings, folder: string | undefined): Negotiate {
  const kerberos = load(folder);
  const principal = settings.principal.trim();
  const variables: Record<string, string> = {};
  const cache = settings.cache.trim();
  if (cache !== "") variables["KRB5CCNAME"] = cache;
  if (settings.keytab.trim() !== "") {
    const keytab = path.resolve(folder ?? "", settings.keytab.trim());
    if (!existsSync(keytab)) throw new ConfigError(`Keytab: ${keytab} is not there.`);
    if (process.platform !== "linux")
      throw new ConfigError("Keytab: works on Linux only; leave it empty for the tickets of Node-RED's user.");
    variables["KRB5_CLIENT_KTNAME"] = `FILE:${keytab}`;
    const name = createHash("sha256").update(`${principal} ${keytab}`).digest("hex").slice(0, 16);
    // tickets of a keytab are nobody else's
    variables["KRB5CCNAME"] ??= `MEMORY:citystream-${name}`;
  }
  const step = async (client: Client, challenge: string): Promise<string> =>
    inTurn(() => within(variables, () => client.step(challenge)));

  return async (host) => {
    const service = `HTTP@${host}`;
    const refused = (error: unknown): StoreError => {
      const told = messageOf(error).replaceAll(/\s+/gu, " ").trim();
      const isAway = /Cannot contact any KDC/iu.test(told);
      const advice = isAway ? "" : "; check principal and keytab, or take a ticket with kinit";
      return new StoreError(
        isAway ? "unreachable" : "permission",
        `no Kerberos login at ${service}: ${told}${advice}`,
        {
          cause: error,
        },
      );
    };
    try {
      const client = await inTurn(() =>
        within(variables, () =>
          kerberos.initializeClient(service, {
            mechOID: kerberos.GSS_MECH_OID_SPNEGO,
            ...(principal === "" ? {} : { principal }),
          }),
        ),
      );
      const token = await step(client, "");
      return {
        authorization: `Negotiate ${token}`,
        async verify(answer) {
          const [, proof] = /^Negotiate\s+(\S+)/iu.exec(answer ?? "") ?? [];
          if (proof !== undefined)
            await step(client, proof).catch((error: unknown) => {
              throw refused(error);
            });
          if (!client.contextComplete) throw refused(new Error("the server has not proved who it is"));
        },
      };
    } catch (error) {
      throw error instanceof StoreError ? error : refused(error);
    }
  };
}

function load(folder: string | undefined): Kerberos {
  const entry = findOptional(PACKAGE, folder);
  const place = folder ?? "Node-RED's user directory";
  const todo = `run "${INSTALL}" in ${place} and restart Node-RED`;
  if (entry === undefined) throw new ConfigError(`Kerberos: the package kerberos is not installed; ${todo}.`);
  const version = versionOf(PACKAGE, entry);
  if (!version.startsWith(`${MAJOR}.`))
    throw new ConfigError(
      `Kerberos: ${PACKAGE} ${version} is installed, and only ${MAJOR}.x is known to work; ${todo}.`,
    );
  try {
    return require(entry) as Kerberos;
  } catch (error) {
    throw new ConfigError(`Kerberos: the package kerberos does not run here: ${messageOf(error)}`, { cause: error });
  }
}
