/**
 * Keys that are entered, or those of the profile, role or machine that Node-RED runs as. For these Amazon's own package is
 * asked, where the user has installed it: it knows all the ways (profiles, SSO, web identity, containers, EC2), and renews
 * keys before they end. Ways and their order: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
import { ConfigError, messageOf } from "../../errors";
import { findOptional, versionOf } from "../../optional-package";
import { StoreError } from "../store";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/**
 * Gives the keys of the moment.
 * @param refused the server does not take those that were given last
 */
export type CredentialSource = (refused?: boolean) => Promise<Credentials>;

export interface KeySettings {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
}

const PACKAGE = "@aws-sdk/credential-providers";
const MAJOR = "3";
const INSTALL = `npm install ${PACKAGE}@${MAJOR}`;

/** What is used of the package. */
interface Providers {
  fromNodeProviderChain(init: {
    readonly clientConfig: { readonly region: string };
  }): (options?: { readonly forceRefresh?: boolean }) => Promise<Credentials>;
}

const entered = (keys: KeySettings): Credentials | undefined => {
  const accessKeyId = keys.accessKeyId?.trim();
  const { secretAccessKey, sessionToken } = keys;
  if (!accessKeyId && !secretAccessKey) return undefined;
  if (!accessKeyId || !secretAccessKey)
    throw new ConfigError("Access key, Secret key: enter both, or neither for the keys of Node-RED's environment.");
  return { accessKeyId, secretAccessKey, sessionToken };
};

/**
 * @param folder Node-RED's user directory, from which the package is looked for
 * @throws ConfigError when there are no keys, and no package that could look for others
 */
export function credentialSource(keys: KeySettings, region: string, folder: string | undefined): CredentialSource {
  const { env } = process;
  const own =
    entered(keys) ??
    entered({
      accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "",
      sessionToken: env["AWS_SESSION_TOKEN"] ?? "",
    });
  if (own) return () => Promise.resolve(own);
  const entry = findOptional(PACKAGE, folder);
  const place = folder ?? "Node-RED's user directory";
  if (entry === undefined)
    throw new ConfigError(
      `Access key, Secret key: enter both, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of Node-RED. For a profile or the role of this machine, run "${INSTALL}" in ${place} and restart Node-RED.`,
    );
  const version = versionOf(PACKAGE, entry);
  if (!version.startsWith(`${MAJOR}.`))
    throw new ConfigError(
      `S3: ${PACKAGE} ${version} is installed, and only ${MAJOR}.x is known to work; run "${INSTALL}" in ${place} and restart Node-RED.`,
    );
  return fromPackage(entry, region);
}

function fromPackage(entry: string, region: string): CredentialSource {
  let provider: ReturnType<Providers["fromNodeProviderChain"]> | undefined;
  return async (refused = false) => {
    try {
      provider ??= (require(entry) as Providers).fromNodeProviderChain({ clientConfig: { region } });
      return await provider({ forceRefresh: refused });
    } catch (error) {
      throw new StoreError(
        "permission",
        `no keys for S3: ${messageOf(error)}; enter keys, or give Node-RED's environment a profile or a role`,
        { cause: error },
      );
    }
  };
}
