import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ConnectCluster, connectCluster, openConnect } from "../../../nodes/lib/connect/cluster";
import { register, type Step } from "../../../nodes/lib/connect/register";
import type { Rest, RestOptions } from "../../../nodes/lib/rest";
import { ConfigError, Rejected, Retriable } from "../../../nodes/lib/errors";
import type { Service } from "../../../tools/services";
import { serviceFor } from "../../../tools/services/for-test";
import { freePort } from "../../../tools/services/ports";

describe("Kafka Connect", () => {
  let connect: Service<"connect">;
  let folder: string;
  let rest: Rest;
  let cluster: ConnectCluster;
  const opened: Rest[] = [];
  const open = (options: Partial<RestOptions>): ConnectCluster => {
    const one = openConnect({ urls: [connect.url], ...options });
    opened.push(one);
    return connectCluster(one);
  };
  before(async function () {
    connect = await serviceFor(this, "connect");
    rest = openConnect({ urls: [connect.url] });
    cluster = connectCluster(rest);
    folder = mkdtempSync(path.join(tmpdir(), "citystream-connect-"));
    writeFileSync(path.join(folder, "in"), "one\n");
  });
  after(async () => {
    for (const name of ["from-file", "patient", "to-nowhere"]) await cluster?.remove(name).catch(() => undefined);
    for (const one of [rest, ...opened]) one?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  const source = (name: string, settings: Record<string, string> = {}) => ({
    name,
    config: {
      name,
      "connector.class": "FileStreamSource",
      "tasks.max": "1",
      file: path.join(folder, "in"),
      topic: name,
      ...settings,
    },
  });
  const options = (steps: Step[] = [], signal = new AbortController().signal) => ({
    limit: 60_000,
    settle: 300,
    signal,
    progress: (step: Step) => void steps.push(step),
  });

  it("tells what it is", async () => {
    const about = await cluster.about();
    assert.equal(about.version, "4.3.1");
    assert.equal(about.plugins, 2);
  });

  it("creates a connector, leaves it alone when it has it already, and updates what changed", async () => {
    const created = await register(cluster, source("from-file"), options());
    assert.deepEqual(
      { ...created, worker: "", tasks: created.tasks.map(({ id, state }) => ({ id, state })) },
      {
        name: "from-file",
        action: "created",
        type: "source",
        state: "RUNNING",
        worker: "",
        tasks: [{ id: 0, state: "RUNNING" }],
      },
    );
    assert.equal((await register(cluster, source("from-file"), options())).action, "unchanged");
    const changed = source("from-file", { "batch.size": "10" });
    assert.equal((await register(cluster, changed, options())).action, "updated");
    assert.deepEqual(await cluster.config("from-file"), changed.config);
  });

  it("refuses an unknown class with the classes that are there", async () => {
    await assert.rejects(register(cluster, source("bad", { "connector.class": "NoSuch" }), options()), (error) => {
      assert.ok(error instanceof Rejected);
      assert.match(error.message, /any class that implements Connector and which name matches NoSuch/u);
      assert.match(error.message, /org\.apache\.kafka\.connect\.file\.FileStreamSourceConnector/u);
      assert.doesNotMatch(error.message, /PluginDesc/u);
      return true;
    });
    assert.equal(await cluster.status("bad"), undefined);
  });

  it("refuses wrong settings one by one, and makes nothing", async () => {
    const wrong = source("bad", { topic: "", "tasks.max": "many" });
    await assert.rejects(register(cluster, wrong, options()), (error) => {
      assert.ok(error instanceof Rejected);
      assert.match(error.message, /tasks\.max: Invalid value many/u);
      return true;
    });
    assert.equal(await cluster.config("bad"), undefined);
  });

  it("tells a failed task with its exception", async () => {
    const sink = {
      name: "to-nowhere",
      config: {
        name: "to-nowhere",
        "connector.class": "FileStreamSink",
        topics: "from-file",
        file: path.join(folder, "no/such/folder"),
      },
    };
    await assert.rejects(register(cluster, sink, options()), (error) => {
      assert.ok(error instanceof Retriable && !error.unreachable);
      assert.match(
        error.message,
        /task 0 of connector "to-nowhere" failed: .*ConnectException: Couldn't find or create/u,
      );
      assert.match(error.message, /NoSuchFileException/u);
      return true;
    });
  });

  it("is asked again while it rebalances", async () => {
    // the real Connect behind a front that answers as it does while it rebalances
    let refusals = 3;
    const front = http.createServer((request, response) => {
      if (request.method === "PUT" && refusals-- > 0) {
        response.writeHead(409, { "content-type": "application/json" });
        response.end(JSON.stringify({ error_code: 409, message: "Cannot complete request because of a rebalance" }));
        return;
      }
      const { method, url = "", headers } = request;
      const onward = http.request(new URL(url, connect.url), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    try {
      const behind = open({ urls: [`http://127.0.0.1:${(front.address() as AddressInfo).port}`] });
      const steps: Step[] = [];
      assert.equal((await register(behind, source("patient"), options(steps))).action, "created");
      const busy = steps.filter((step) => step.step === "busy");
      assert.equal(busy.length, 3);
      assert.match(busy[0]?.reason ?? "", /409.*because of a rebalance/u);
    } finally {
      front.close();
      front.closeAllConnections();
    }
  });

  it("is asked through another worker's address when the first is away", async () => {
    const other = open({ urls: [`http://127.0.0.1:${await freePort()}`, connect.url] });
    assert.equal((await register(other, source("patient"), options())).action, "unchanged");
  });

  it("is waited for until the caller ends it", async () => {
    const away = open({ urls: [`http://127.0.0.1:${await freePort()}`] });
    const ended = new AbortController();
    const steps: Step[] = [];
    const registering = register(away, source("never"), { ...options(steps, ended.signal), limit: 1 });
    setTimeout(() => ended.abort(new Error("closed")), 1000);
    await assert.rejects(registering, /closed|abort/u);
    const waiting = steps.filter((step) => step.step === "waiting");
    assert.ok(waiting.length >= 2);
    assert.match(waiting[0]?.reason ?? "", /cannot be reached: .*ECONNREFUSED/u);
  });

  it("says that something else answers at its address", async () => {
    const other = http.createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>hello</html>");
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const elsewhere = open({ urls: [`http://127.0.0.1:${(other.address() as AddressInfo).port}`] });
    await assert.rejects(
      elsewhere.about(),
      (error) => error instanceof ConfigError && /not Kafka Connect/u.test(error.message),
    );
    other.close();
    other.closeAllConnections();
    assert.throws(() => openConnect({ urls: ["localhost:8083"] }), /must begin with http/u);
    assert.throws(() => openConnect({ urls: ["connect"] }), /is no address/u);
  });

  describe("with a login and TLS", () => {
    let secured: Service<"connect">;
    const login = { user: "registrar", password: "secret" };
    before(async function () {
      secured = await serviceFor(this, "connect", { login, tls: { clientCertificate: true } });
    });
    const tls = () => {
      const { certificates } = secured;
      assert.ok(certificates);
      return { ca: certificates.ca, cert: certificates.clientCert, key: certificates.clientKey };
    };

    it("answers who has both", async () => {
      assert.equal((await open({ urls: [secured.url], login, tls: tls() }).about()).connectors, 0);
    });

    it("names the login when that is refused", async () => {
      const wrong = open({ urls: [secured.url], login: { ...login, password: "other" }, tls: tls() });
      await assert.rejects(
        wrong.config("a"),
        (error) => error instanceof ConfigError && /refused the login/u.test(error.message),
      );
    });

    it("names TLS when a certificate is not trusted or missing", async () => {
      for (const options_ of [{}, { tls: { ca: tls().ca } }]) {
        const wrong = open({ urls: [secured.url], login, ...options_ });
        await assert.rejects(
          wrong.about(),
          (error) => error instanceof ConfigError && /TLS failed/u.test(error.message),
        );
      }
    });
  });
});
