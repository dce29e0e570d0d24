import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openStore } from "../../nodes/lib/lake/open";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { nodeRed } from "../harness";
import { freshRoot, temporaryFolder } from "../lib/lake/stores";

/** What the editor's button asks. */
const test = async (
  settings: object,
  credentials: object = {},
): Promise<{ found?: { word: string; values: Record<string, unknown> }; error?: string }> => {
  const red = await nodeRed();
  const answer = await fetch(`${red.url}/citystream/test/citystream-lake`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: "none", settings: { timeout: 15, ...settings }, credentials }),
  });
  return (await answer.json()) as never;
};

describe("lake", () => {
  let hdfs: Service<"hdfs">;
  before(async function () {
    hdfs = await serviceFor(this, "hdfs");
  });

  it("tells at the button that a folder can be written, and makes it", async () => {
    const folder = path.join(temporaryFolder(), "new/lake");
    const { found } = await test({ address: `file://${folder}` });
    assert.equal(found?.word, "folder");
    assert.equal(found?.values["address"], `file://${folder}`);
  });

  it("tells at the button what HDFS gave the file it tried", async () => {
    const { found, error } = await test({ address: `${hdfs.url}${freshRoot()}`, user: hdfs.user });
    assert.equal(error, undefined);
    assert.deepEqual([found?.word, found?.values["blockSize"]], ["hdfs", 128]);
    assert.ok(Number(found?.values["replication"]) >= 1);
  });

  it("tells at the button that a bucket can be written, and what is wrong with one that can't", async function () {
    const { url, bucket, accessKeyId: accessKey, secretAccessKey: secretKey } = await serviceFor(this, "s3");
    const keys = { accessKey, secretKey };
    const s3 = { address: `s3://${bucket}${freshRoot()}`, endpoint: url };
    const { found, error } = await test(s3, keys);
    assert.equal(error, undefined);
    assert.equal(found?.word, "folder");
    assert.equal(found?.values["address"], `${url} (${s3.address})`);
    const cases: [object, object, RegExp][] = [
      [{ ...s3, address: "s3://nowhere/lake" }, keys, /\(setting\).*NoSuchBucket.*make the bucket/],
      [
        s3,
        { ...keys, secretKey: "wrong" },
        /\(permission\).*SignatureDoesNotMatch.*check the access key and the secret key/,
      ],
      [
        s3,
        { ...keys, accessKey: "nobody" },
        /\(permission\).*No user exists with the provided access key.*check the access key and the secret key/,
      ],
      [s3, {}, /Access key, Secret key: enter both, or set AWS_ACCESS_KEY_ID/],
      [{ ...s3, endpoint: "http://127.0.0.1:9" }, keys, /\(unreachable\).*refuses the connection/],
      [{ ...s3, endpoint: "minio:9000" }, keys, /S3 server: "minio:9000" is not an address/],
      [{ ...s3, endpoint: hdfs.url }, keys, /\(setting\).*not in the words of S3/],
      [{ ...s3, address: "s3:///lake" }, keys, /"s3:\/\/\/lake" names no bucket/],
    ];
    for (const [settings, credentials, message] of cases)
      assert.match((await test(settings, credentials)).error ?? "none", message);
  });

  it("says precisely what is wrong", async function () {
    const cases: [object, RegExp][] = [
      [{ address: "" }, /Address: is required/],
      [
        { address: `${hdfs.url}/lake`, login: "kerberos" },
        /the package kerberos is not installed; run "npm install kerberos@7" in \S+ and restart/,
      ],
      [{ address: "namenode:9870" }, /"namenode:9870" is not an address/],
      [
        { address: "http://127.0.0.1:9/lake" },
        /make a directory \(unreachable\).*refuses the connection: is it running/,
      ],
      [{ address: "http://no-such-host.invalid:9870/lake" }, /not a known host name|could not be looked up/],
      [{ address: hdfs.rpc.replace("hdfs:", "http:") }, /does not speak HTTP there: is it the right port/],
      [
        { address: `${hdfs.url}/forbidden`, user: "nobody" },
        /\(permission\).*Permission denied: user=nobody.*give the user the right/,
      ],
    ];
    for (const [settings, message] of cases) assert.match((await test(settings)).error ?? "none", message);
  });

  it("says that a name node is in safe mode", async function () {
    const safe = await serviceFor(this, "hdfs", {
      own: true,
      dataNodes: 1,
    });
    const [nameNode, dataNode] = [safe.processes.get("namenode"), safe.processes.get("datanode1")];
    assert.ok(nameNode && dataNode);
    const address = `${safe.url}${freshRoot()}`;
    assert.equal((await test({ address, user: safe.user })).error, undefined);
    // blocks that nobody reports keep a name node in safe mode when it starts again; of one, 99.9 % are none
    const store = openStore({ address, user: safe.user });
    for (const name of ["a", "b", "c"]) await store.create(name, [Buffer.from("x")], { createParent: true });
    store.close();
    await dataNode.stop();
    await nameNode.stop();
    await nameNode.start();
    assert.match(
      (await test({ address, user: safe.user })).error ?? "none",
      /\(unavailable\).*safe ?mode.*data nodes/i,
    );
    await safe.stop();
  });

  it("says that a folder may not be written", async function () {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, "file"), "x");
    assert.match(
      (await test({ address: `file://${folder}/file/lake` })).error ?? "none",
      /\(invalid\).*not a possible path/,
    );
    if (process.getuid?.() === 0) return;
    mkdirSync(path.join(folder, "closed"));
    chmodSync(path.join(folder, "closed"), 0o500);
    assert.match(
      (await test({ address: `file://${folder}/closed/lake` })).error ?? "none",
      /\(permission\).*permission denied/,
    );
  });
});
