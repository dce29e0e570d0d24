/** A certificate authority of the moment, with certificates for 127.0.0.1 and a client: X.509 v3 (RFC 5280) in DER. */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** PEM texts. */
export interface Certificates {
  /** The authority to trust. */
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

const day = 86_400_000;

/** New keys and certificates for localhost and 127.0.0.1, valid for a year, or `expired` since yesterday. */
export function makeCertificates(options: { readonly expired?: boolean } = {}): Certificates {
  const authority = keyPair();
  const until = new Date(Date.now() + 365 * day);
  const ca = certificate({ subject: "citystream test authority", key: authority, until, extensions: [isAuthority] });
  const signed = (subject: string, end: Date, extensions: Buffer[]) => {
    const key = keyPair();
    return { key, cert: certificate({ subject, key, until: end, extensions, issuer: authority }) };
  };
  const server = signed("localhost", options.expired ? new Date(Date.now() - day) : until, [forLocalhost]);
  const client = signed("citystream client", until, []);
  return {
    ca,
    serverCert: server.cert,
    serverKey: pem("PRIVATE KEY", server.key.export({ format: "der", type: "pkcs8" })),
    clientCert: client.cert,
    clientKey: pem("PRIVATE KEY", client.key.export({ format: "der", type: "pkcs8" })),
  };
}

const keyPair = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

interface Request {
  readonly subject: string;
  readonly key: KeyObject;
  readonly until: Date;
  readonly extensions: readonly Buffer[];
  /** The authority's key; absent when it signs itself. */
  readonly issuer?: KeyObject;
}

function certificate({ subject, key, until, extensions, issuer }: Request): string {
  const algorithm = sequence(oid("1.2.840.10045.4.3.2")); // ecdsa-with-SHA256
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name("citystream test authority"),
    sequence(time(new Date(until.getTime() - 400 * day)), time(until)),
    name(subject),
    createPublicKey(key).export({ format: "der", type: "spki" }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signature = sign("sha256", content, issuer ?? key);
  return pem("CERTIFICATE", sequence(content, algorithm, der(0x03, Buffer.from([0]), signature)));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = rest.flatMap((part) => {
    const groups = [part & 127];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 127) | 128);
    return groups;
  });
  return der(0x06, Buffer.from([first * 40 + second, ...bytes]));
}

const name = (common: string): Buffer => sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(common)))));

/** UTCTime, right until 2049. */
const time = (date: Date): Buffer => der(0x17, Buffer.from(`${date.toISOString().replace(/\D/g, "").slice(2, 14)}Z`));

const extension = (id: string, value: Buffer): Buffer =>
  sequence(oid(id), der(0x01, Buffer.from([0xff])), der(0x04, value));

const isAuthority = extension("2.5.29.19", sequence(der(0x01, Buffer.from([0xff]))));

const forLocalhost = extension(
  "2.5.29.17",
  sequence(der(0x82, Buffer.from("localhost")), der(0x87, Buffer.from([127, 0, 0, 1]))),
);

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString("base64").replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;
