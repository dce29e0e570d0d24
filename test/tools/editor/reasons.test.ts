import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { connectCluster, openConnect } from "../../../nodes/lib/connect/cluster";
import { messageOf } from "../../../nodes/lib/errors";
import { influxServer } from "../../../nodes/lib/influx/server";
import { openStore, tryStore } from "../../../nodes/lib/lake/open";
import { refusal } from "../../../nodes/lib/lake/remote-error";
import { refusal as refusedByS3 } from "../../../nodes/lib/lake/s3/refusal";
import { openRegistry } from "../../../nodes/lib/registry/registry";
import { brokerAddress } from "../../../nodes/lib/mqtt/address";
import { closedUnanswered, notMqtt, reasonOf } from "../../../nodes/lib/mqtt/reasons";
import { freePort } from "../../../tools/services/ports";
import { temporaryFolder } from "../../../tools/services/guard";
import { editorIn } from "./plugin";

/** What an action fails with. */
const failureOf = async (action: () => unknown): Promise<string> => {
  try {
    await action();
  } catch (error) {
    return messageOf(error);
  }
  throw new Error("nothing failed");
};

/** A Korean sentence: English words are left only where `quoted` says that a server or the system said them. */
const reads = (message: string, quoted = /$^/u): void => {
  const shown = editorIn("ko").plugin.reason(message);
  assert.match(shown, /[가-힣]/u, message);
  const plain = shown
    .replace(quoted, "")
    .replaceAll(/(?:file|https?|mqtts?|wss?):\/\/\S*/gu, "")
    .replaceAll(
      /Kafka Connect|InfluxDB|WebHDFS|HttpFS|WebSocket|MQTT|HDFS|HTTP|TLS|JSON|Node-RED|DNS|CA|ID|standby|dfs\.datanode\.hostname|E[A-Z]{4,}|\/ping/gu,
      "",
    );
  assert.doesNotMatch(plain, /[A-Za-z]{2,}/u, `${message} → ${shown}`);
  assert.equal(editorIn("en-US").plugin.reason(message), message);
};

describe("what a connection test says in Korean", () => {
  const broker = "mqtt://127.0.0.1:1883";

  for (const code of [1, 2, 3, 4, 5, 132, 133, 134, 135, 136, 137, 138, 140, 142, 149, 151, 159])
    it(`when an MQTT broker refuses by code ${code}`, () => reads(reasonOf({ code, message: "no" }, broker).text));

  for (const code of ["ECONNREFUSED", "ENOTFOUND", "ETIMEDOUT", "EPROTO", "ECONNRESET"])
    it(`when an MQTT broker is not there by ${code}`, () => reads(reasonOf({ code, message: "no" }, broker).text));

  for (const said of ["connack timeout", "Keepalive timeout", "Unexpected server response: 404"])
    it(`when an MQTT broker fails with "${said}"`, () =>
      reads(reasonOf(new Error(said), broker).text, /Unexpected server response: 404/u));

  it("when an MQTT broker's certificate is refused, or it speaks something else", () => {
    reads(
      reasonOf(Object.assign(new Error("certificate has expired"), { code: "CERT_HAS_EXPIRED" }), broker).text,
      /certificate has expired/u,
    );
    reads(closedUnanswered(broker).text);
    reads(notMqtt(broker, new Error("Invalid header flag bits")).text, /Invalid header flag bits/u);
  });

  for (const [address, tls] of [
    ["broker", false],
    ["mqtt://ann:secret@127.0.0.1", false],
    ["mqtt://127.0.0.1", true],
  ] as const)
    it(`when the address ${address} is ${tls ? "not encrypted" : "none"}`, async () =>
      reads(await failureOf(() => brokerAddress(address, tls)), /"broker"|broker\.example|mqtts, ws, wss/gu));

  for (const [exception, message] of [
    ["SafeModeException", "Cannot create /lake. Name node is in safe mode."],
    ["StandbyException", "Operation category WRITE is not supported in state standby"],
    ["DSQuotaExceededException", "The DiskSpace quota is exceeded"],
    ["AccessControlException", "Permission denied: user=ann"],
    ["IOException", "File could only be written to 0 of the 1 minReplication nodes"],
    ["FileNotFoundException", "gone"],
  ] as const)
    it(`when HDFS refuses with ${exception}`, () => {
      const body = Buffer.from(JSON.stringify({ RemoteException: { exception, message } }));
      const { message: told } = refusal(new URL("http://namenode:9870/"), "make /lake/a", {
        status: 403,
        headers: {},
        body,
      });
      reads(
        `Could not make a directory (permission): ${told}`,
        new RegExp(`make /lake/a|${exception}: ${message}`, "gu"),
      );
    });

  for (const code of [
    "NoSuchBucket",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "AccessDenied",
    "PermanentRedirect",
    "RequestTimeTooSkewed",
    "NotImplemented",
    "KeyTooLongError",
    "QuotaExceeded",
    "SlowDown",
  ])
    it(`when S3 refuses with ${code}`, () => {
      const body = Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>so it is</Message></Error>`);
      const { message } = refusedByS3("s3://lake", "write a", { status: 400, headers: {}, body });
      reads(
        `Could not refuse to write over a file (setting): ${message}`,
        new RegExp(`s3://lake|write a|${code}: so it is|If-None-Match`, "gu"),
      );
    });

  it("when a bucket's address or keys are wrong, and when what answers is no S3", async () => {
    const open = (address: string, s3: object) => (): unknown => openStore({ address, user: "", s3 });
    const keys = { accessKeyId: "a", secretAccessKey: "b" };
    reads(await failureOf(open("s3:///lake", keys)), /"s3:\/\/\/lake"|s3:\/\/bucket\/lake|S3/gu);
    reads(await failureOf(open("s3://lake", { ...keys, endpoint: "minio" })), /"minio"|S3|Amazon/gu);
    reads(await failureOf(open("s3://lake", { accessKeyId: "a" })), /AWS_[A-Z_]+/gu);
    reads(await failureOf(open("s3://lake", {})), /AWS_[A-Z_]+|"npm install \S+"|Node-RED's user directory/gu);
    reads(
      "no keys for S3: none were found; enter keys, or give Node-RED's environment a profile or a role",
      /S3|none were found/gu,
    );
    const { message } = refusedByS3("s3://lake", "write a", { status: 500, headers: {}, body: Buffer.from("<html>") });
    reads(message, /s3:\/\/lake|write a|S3|<html>/gu);
  });

  it("when a lake's address is none, its folder a file, its server away", async () => {
    for (const address of ["", "lake", "file://host/lake", "http://namenode/%zz", "http://:1/lake"])
      reads(
        await failureOf(() => openStore({ address, user: "" })),
        /"lake"|namenode\/lake|":1"|%zz|s3:\/\/bucket\/lake/gu,
      );
    const folder = temporaryFolder("reasons");
    writeFileSync(path.join(folder, "file"), "x");
    reads(await failureOf(() => tryStore(openStore({ address: `file://${folder}/file/lake`, user: "" }))), /\/\S+/u);
    const store = openStore({ address: `http://127.0.0.1:${await freePort()}/lake`, user: "" });
    reads(await failureOf(() => tryStore(store)));
    store.close();
  });

  it("when a schema registry is away, something else, or an address none", async () => {
    const about = (url: string) => async (): Promise<unknown> => {
      const registry = openRegistry({ urls: [url] });
      return registry.about().finally(() => registry.close());
    };
    reads(await failureOf(about("registry")), /"registry"/u);
    reads(await failureOf(about(`http://127.0.0.1:${await freePort()}`)), /connect ECONNREFUSED/u);
    const other = http.createServer((_request, response) => response.end("{}")).listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    reads(await failureOf(about(`http://127.0.0.1:${(other.address() as AddressInfo).port}`)));
    other.closeAllConnections();
    other.close();
  });

  it("when Kafka Connect is away, something else, or an address none", async () => {
    const about = (url: string) => (): Promise<unknown> => {
      const rest = openConnect({ urls: [url] });
      return connectCluster(rest)
        .about()
        .finally(() => rest.close());
    };
    reads(await failureOf(about("connect")), /"connect"/u);
    reads(await failureOf(about("ftp://connect")), /ftp:\/\/connect/u);
    reads(await failureOf(about(`http://127.0.0.1:${await freePort()}`)), /connect ECONNREFUSED/u);
    const other = http.createServer((_request, response) => response.end("<html>")).listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    reads(await failureOf(about(`http://127.0.0.1:${(other.address() as AddressInfo).port}`)), /no content type/u);
    other.closeAllConnections();
    await new Promise((resolve) => other.close(resolve));
  });

  it("when InfluxDB is away, or a setting is missing", async () => {
    const settings = {
      version: "1" as const,
      url: `http://127.0.0.1:${await freePort()}`,
      database: "city",
      retentionPolicy: "",
      user: "",
      password: "",
      org: "",
      bucket: "",
      token: "",
      gzip: false,
      timeout: 1000,
    };
    reads(await failureOf(() => influxServer(settings).test()));
    reads(await failureOf(() => influxServer({ ...settings, url: "influx" })), /"influx"/u);
    reads(await failureOf(() => influxServer({ ...settings, database: "" })), /1\.x/u);
    reads(await failureOf(() => influxServer({ ...settings, version: "2" })), /2\.x/u);
  });
});
