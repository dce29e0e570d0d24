import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { openStore, tryStore } from "../../../../nodes/lib/lake/open";
import { isProblem, type LakeStore } from "../../../../nodes/lib/lake/store";
import type { Service } from "../../../../tools/services";
import { awsCredentials } from "../../../../tools/services/aws-credentials";
import { fetchedFor, serviceFor } from "../../../../tools/services/for-test";
import { until } from "../../../harness/words";
import { freshRoot, temporaryFolder } from "../stores";

const ROLE = "arn:aws:iam::000000000000:role/lake";
const HOUR = 3_600_000;

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: string;
}

interface Known {
  roles?: Record<string, object>;
  roleNameIndex?: Record<string, string>;
  sessions?: Record<string, object>;
}

/** The other end of the documented protocols: what a container's agent, an EC2 machine and STS answer. */
type Answer = (request: http.IncomingMessage, body: string) => string | undefined;

describe("keys of profiles, roles and machines for S3", function () {
  this.timeout(60_000);
  let s3: Service<"s3">;
  let userDir: string;
  let folder: string;
  let stores: LakeStore[];
  let servers: http.Server[];
  const environment = { ...process.env };

  before(async function () {
    s3 = await serviceFor(this, "s3", { roles: true });
    userDir = await fetchedFor(this, awsCredentials);
  });
  beforeEach(() => {
    folder = temporaryFolder();
    stores = [];
    servers = [];
    for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
    set({
      AWS_SHARED_CREDENTIALS_FILE: path.join(folder, "credentials"),
      AWS_CONFIG_FILE: path.join(folder, "config"),
    });
    set({ AWS_EC2_METADATA_DISABLED: "true" });
  });
  afterEach(async () => {
    for (const store of stores) store.close();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
    Object.assign(process.env, environment);
  });

  const set = (names: Record<string, string>): void => void Object.assign(process.env, names);
  /** A file that a program of the test's reads. */
  const file = (name: string, content: string): string => {
    writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };
  const known = (change: (known: Known) => void): void => {
    const found = JSON.parse(readFileSync(s3.sessions, "utf8")) as Known;
    change(found);
    writeFileSync(s3.sessions, JSON.stringify(found));
  };
  /** Keys of a role that the S3 server takes, with this token alone, until they end in `ms` or are taken back. */
  const keysOfRole = (ms = HOUR): Keys => {
    const id = randomUUID().replaceAll("-", "").toUpperCase();
    const expiration = new Date(Date.now() + ms).toISOString();
    const keys = {
      accessKeyId: `ASIA${id.slice(0, 16)}`,
      secretAccessKey: `secret-${id}`,
      sessionToken: `token-${id}`,
    };
    const createDate = new Date().toISOString();
    const rights = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }] };
    known((all) => {
      all.roles = {
        lake: {
          Path: "/",
          RoleName: "lake",
          RoleID: "AROALAKE",
          Arn: ROLE,
          CreateDate: createDate,
          AssumeRolePolicyDocument: JSON.stringify(rights),
          MaxSessionDuration: 3_600,
          Policies: { inline: [{ PolicyName: "all", PolicyDocument: JSON.stringify(rights) }] },
        },
      };
      all.roleNameIndex = { lake: "lake" };
      const role = { roleArn: ROLE, roleName: "lake", roleId: "AROALAKE", roleSessionName: "test" };
      all.sessions = { ...all.sessions, [keys.accessKeyId]: { ...keys, ...role, createDate, expiration } };
    });
    return { ...keys, expiration };
  };
  const takeBack = ({ accessKeyId }: Keys): void => known((all) => void delete all.sessions?.[accessKeyId]);
  const asJson = ({ accessKeyId, secretAccessKey, sessionToken, expiration }: Keys): string =>
    JSON.stringify({
      Code: "Success",
      Type: "AWS-HMAC",
      LastUpdated: new Date().toISOString(),
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: expiration,
    });

  const listen = async (answer: Answer): Promise<string> => {
    const server = http.createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const text = answer(request, Buffer.concat(parts).toString());
        response.statusCode = text === undefined ? 401 : 200;
        response.end(text);
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const open = (keys: object = {}, where = userDir): LakeStore => {
    const store = openStore({
      address: `s3://${s3.bucket}${freshRoot()}`,
      user: "",
      userDir: where,
      s3: { endpoint: s3.url, region: s3.region, ...keys },
    });
    stores.push(store);
    return store;
  };

  it("takes those of the profile that AWS_PROFILE names", async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = keysOfRole();
    const lines = [`[lake]`, `aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key = ${secretAccessKey}`];
    file("credentials", `[default]\naws_access_key_id = x\naws_secret_access_key = x\n${lines.join("\n")}\n`);
    set({ AWS_PROFILE: "lake" });
    await assert.rejects(tryStore(open()), /\(permission\)/u, "the session token is missing");
    const next = temporaryFolder();
    writeFileSync(path.join(next, "credentials"), `${lines.join("\n")}\naws_session_token = ${sessionToken}\n`);
    set({ AWS_SHARED_CREDENTIALS_FILE: path.join(next, "credentials") });
    await tryStore(open());
  });

  it("takes those of a container's role, with the token that it is to show", async () => {
    const keys = keysOfRole();
    const asked: string[] = [];
    const url = await listen(({ url: at, headers }) => {
      asked.push(`${at} ${headers.authorization}`);
      return headers.authorization === "Bearer pod" ? asJson(keys) : undefined;
    });
    set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/role` });
    set({ AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file("token", "Bearer pod") });
    await tryStore(open());
    assert.deepEqual(asked, ["/role Bearer pod"]);
  });

  it("takes those of an EC2 machine's role, by version 2 of its protocol", async () => {
    const keys = keysOfRole();
    const asked: string[] = [];
    const url = await listen(({ method, url: at = "", headers }) => {
      asked.push(`${method} ${at}`);
      if (method === "PUT" && Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]) > 0) return "session";
      if (headers["x-aws-ec2-metadata-token"] !== "session") return undefined;
      return at.endsWith("/security-credentials/") ? "lake" : asJson(keys);
    });
    delete process.env["AWS_EC2_METADATA_DISABLED"];
    set({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url });
    await tryStore(open());
    assert.equal(asked[0], "PUT /latest/api/token");
    assert.ok(asked.includes("GET /latest/meta-data/iam/security-credentials/lake"), asked.join(", "));
  });

  it("takes those that STS gives for a pod's web identity", async () => {
    const keys = keysOfRole();
    const asked: URLSearchParams[] = [];
    const url = await listen((_, body) => {
      asked.push(new URLSearchParams(body));
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = keys;
      return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
        <Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>
        <SessionToken>${sessionToken}</SessionToken><Expiration>${expiration}</Expiration></Credentials>
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
    });
    set({ AWS_WEB_IDENTITY_TOKEN_FILE: file("web", "header.payload.signature"), AWS_ROLE_ARN: ROLE });
    set({ AWS_ENDPOINT_URL_STS: url });
    await tryStore(open());
    const [request] = asked;
    assert.deepEqual(
      ["Action", "RoleArn", "WebIdentityToken"].map((name) => request?.get(name)),
      ["AssumeRoleWithWebIdentity", ROLE, "header.payload.signature"],
    );
  });

  it("has them renewed before they end", async () => {
    const given = [keysOfRole(100_000), keysOfRole()];
    let asked = 0;
    const url = await listen(() => asJson((given[asked++] ?? given.at(-1)) as Keys));
    set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    const store = open();
    await store.create("one", [Buffer.from("1")], { createParent: true });
    await until("they were asked for again", async () => {
      await store.stat("one");
      return asked === 2;
    });
    takeBack(given[0] as Keys);
    await store.create("two", [Buffer.from("2")], { createParent: true });
    assert.deepEqual([(await store.list("")).map(({ name }) => name), asked], [["one", "two"], 2]);
  });

  it("asks for others when the server takes them no more before they end", async () => {
    const given = [keysOfRole(), keysOfRole()];
    let asked = 0;
    const url = await listen(() => asJson((given[asked++] ?? given.at(-1)) as Keys));
    set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    const store = open();
    await store.create("one", [Buffer.from("1")], { createParent: true });
    assert.equal(asked, 1);
    takeBack(given[0] as Keys);
    await store.create("two", [Buffer.from("2")], { createParent: true });
    assert.equal(asked, 2);
    takeBack(given[1] as Keys);
    await assert.rejects(store.create("three", [Buffer.from("3")], { createParent: true }), (error) =>
      isProblem(error, "permission"),
    );
  });

  it("takes entered keys, and those of the environment, whatever role there is", async () => {
    let asked = 0;
    const url = await listen(() => {
      asked++;
      return asJson(keysOfRole());
    });
    set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    const { accessKeyId, secretAccessKey } = s3;
    await tryStore(open({ accessKeyId, secretAccessKey }));
    set({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
    await tryStore(open());
    assert.equal(asked, 0);
  });

  it("says so when there are none anywhere, and stores once there are", async () => {
    const store = open();
    await assert.rejects(
      tryStore(store),
      /\(permission\): no keys for S3: .*; enter keys, or give Node-RED's environment/u,
    );
    const keys = keysOfRole();
    set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: await listen(() => asJson(keys)) });
    await tryStore(store);
  });

  it("says what to install, and where, when nothing could look for them", () => {
    assert.throws(() => open({}, folder), {
      name: "ConfigError",
      message: new RegExp(
        `enter both, or set AWS_ACCESS_KEY_ID.*run "npm install @aws-sdk/credential-providers@3" in ${folder} and restart`,
        "u",
      ),
    });
    assert.throws(() => open({ accessKeyId: "only" }), /Secret key: enter both, or neither/u);
  });
});
