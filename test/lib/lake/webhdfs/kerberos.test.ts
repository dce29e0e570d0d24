import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { copyFileSync } from "node:fs";
import type { ClientRequest } from "node:http";
import path from "node:path";
import { openStore, tryStore } from "../../../../nodes/lib/lake/open";
import { isProblem, type LakeStore, readAll } from "../../../../nodes/lib/lake/store";
import type { KerberosSettings } from "../../../../nodes/lib/lake/webhdfs/kerberos";
import type { Service } from "../../../../tools/services";
import { fetchedFor, serviceFor } from "../../../../tools/services/for-test";
import { kerberos } from "../../../../tools/services/kerberos";
import { need, run } from "../../../../tools/services/programs";
import { until } from "../../../harness/words";
import { freshRoot, temporaryFolder } from "../stores";

/** ms that the name node takes a token. */
const TOKEN_LIFE = 10_000;

describe("a lake on HDFS by Kerberos", function () {
  this.timeout(120_000);
  let kdc: Service<"kdc">;
  let hdfs: Service<"hdfs">;
  let userDir: string;
  let folder: string;
  let stores: LakeStore[];
  /** Of each request, how it logged in. */
  let logins: ("Kerberos" | "token" | "nothing")[];
  const environment = { ...process.env };

  const started = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    const isNegotiated = String(request.getHeader("authorization") ?? "").startsWith("Negotiate ");
    logins.push(isNegotiated ? "Kerberos" : request.path.includes("delegation=") ? "token" : "nothing");
  };
  before(async function () {
    kdc = await serviceFor(this, "kdc");
    hdfs = await serviceFor(this, "hdfs", {
      kerberos: true,
      properties: { "dfs.namenode.delegation.token.renew-interval": String(TOKEN_LIFE) },
    });
    userDir = await fetchedFor(this, kerberos);
    process.env["KRB5_CONFIG"] = kdc.config;
  });
  beforeEach(() => {
    folder = temporaryFolder();
    stores = [];
    logins = [];
    subscribe("http.client.request.start", started);
  });
  afterEach(() => {
    unsubscribe("http.client.request.start", started);
    for (const store of stores) store.close();
  });
  after(() => {
    delete process.env["KRB5_CONFIG"];
    if (environment["KRB5_CONFIG"] !== undefined) process.env["KRB5_CONFIG"] = environment["KRB5_CONFIG"];
  });

  const open = (settings: Partial<KerberosSettings>, where = userDir): LakeStore => {
    const login = { principal: "", keytab: "", cache: path.join(folder, "none"), ...settings };
    const address = `${hdfs.url}${freshRoot()}`;
    const store = openStore({ address, user: "somebody", userDir: where, timeout: 20_000, kerberos: login });
    stores.push(store);
    return store;
  };
  /** A keytab of the user's, whose tickets nobody has taken yet. */
  const keytab = (): string => {
    const copy = path.join(folder, "user.keytab");
    copyFileSync(kdc.userKeytab, copy);
    return copy;
  };
  const kinit = async (cache: string): Promise<unknown> =>
    run(need("kinit", "a ticket"), ["-k", "-t", kdc.userKeytab, "-c", cache, kdc.user]);

  it("is written and read as the keytab's principal, with one login for all requests", async () => {
    const store = open({ principal: `${kdc.user}@${kdc.realm}`, keytab: keytab(), cache: "" });
    const began = Date.now();
    const content = randomBytes(3_000_000);
    await store.create("a/file", [content], { createParent: true });
    assert.ok((await readAll(store, "a/file")).equals(content));
    const trial = await tryStore(store);
    assert.ok(Number(trial.replication) >= 1);
    const kinds = (kind: (typeof logins)[number]): number => logins.filter((one) => one === kind).length;
    console.log(`      ${logins.length} requests, ${kinds("Kerberos")} by Kerberos, ${kinds("token")} by its token`);
    const needed = 1 + Math.floor((Date.now() - began) / TOKEN_LIFE);
    assert.ok(kinds("Kerberos") >= 1 && kinds("Kerberos") <= needed, `${kinds("Kerberos")} logins, ${needed} were due`);
    assert.equal(kinds("nothing"), 0);
  });

  it("belongs to the principal, whatever user is entered", async () => {
    const store = open({ keytab: keytab(), cache: "" });
    await store.create("file", [Buffer.from("x")], { createParent: true });
    const { FileStatus } = (await askBySelf(store.address, "GETFILESTATUS")) as { FileStatus: { owner: string } };
    assert.equal(FileStatus.owner, kdc.user);
  });

  it("is written with the tickets that kinit has taken", async () => {
    const cache = path.join(folder, "tickets");
    await kinit(cache);
    await tryStore(open({ cache }));
  });

  it("takes a new token when the name node does not take the old one any more", async () => {
    const store = open({ keytab: keytab(), cache: "" });
    const began = Date.now();
    await until(
      "a second login",
      async () => {
        await store.list("");
        return logins.filter((one) => one === "Kerberos").length === 2;
      },
      60_000,
    );
    console.log(`      the first token was taken for ${Math.round((Date.now() - began) / 1000)} s`);
    assert.ok(Date.now() - began >= TOKEN_LIFE - 1_000);
    await tryStore(store);
  });

  it("goes on with its token while no key distribution centre is there, and says when it can't log in", async () => {
    const store = open({ keytab: keytab(), cache: "" });
    await store.create("file", [Buffer.from("x")], { createParent: true });
    await kdc.stop();
    try {
      assert.deepEqual(
        (await store.list("")).map(({ name }) => name),
        ["file"],
      );
      const other = path.join(folder, "other.keytab");
      copyFileSync(kdc.userKeytab, other);
      await assert.rejects(open({ keytab: other, cache: "" }).list(""), (error) => {
        assert.ok(isProblem(error, "unreachable"), String(error));
        assert.match(error.message, /no Kerberos login at HTTP@127\.0\.0\.1: .*Cannot contact any KDC/u);
        return true;
      });
    } finally {
      await kdc.start();
    }
  });

  it("says that there are no tickets, and what to do", async () => {
    await assert.rejects(
      tryStore(open({})),
      /\(permission\): no Kerberos login at HTTP@127\.0\.0\.1: .*take a ticket with kinit/u,
    );
    await assert.rejects(
      tryStore(open({ principal: `nobody@${kdc.realm}`, keytab: keytab(), cache: "" })),
      /\(permission\): no Kerberos login.*check principal and keytab/u,
    );
  });

  it("is not to be had by a user's name", async () => {
    const store = openStore({ address: `${hdfs.url}${freshRoot()}`, user: "somebody" });
    stores.push(store);
    await assert.rejects(tryStore(store), /\(permission\).*wants a login/u);
  });

  it("says what to install, and where, and that a keytab is not there", () => {
    assert.throws(() => open({}, folder), {
      name: "ConfigError",
      message: `Kerberos: the package kerberos is not installed; run "npm install kerberos@7" in ${folder} and restart Node-RED.`,
    });
    assert.throws(() => open({ keytab: "none.keytab" }), {
      name: "ConfigError",
      message: `Keytab: ${path.join(userDir, "none.keytab")} is not there.`,
    });
  });

  /** Asked without our client: by curl, with a ticket of its own. */
  async function askBySelf(address: string, operation: string): Promise<unknown> {
    const cache = path.join(folder, "curl");
    await kinit(cache);
    const { host, pathname, protocol } = new URL(address);
    const url = `${protocol}//${host}/webhdfs/v1${pathname}?op=${operation}`;
    const args = ["--silent", "--negotiate", "--user", ":", url];
    return JSON.parse(await run(need("curl", "a question by Kerberos"), args, { env: { KRB5CCNAME: cache } }));
  }
});
