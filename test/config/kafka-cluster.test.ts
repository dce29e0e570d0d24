import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { flowOf, nodeRed, type Harness } from "../harness";
import { CLIENT, clusterNode, collect, kafkaIn, kafkaOut, unique } from "../lib/kafka/harness";

describe(`kafka cluster (${CLIENT})`, () => {
  let red: Harness;
  let kafka: Service<"kafka">;
  const test = async (settings: Record<string, unknown>, credentials: Record<string, string> = {}) => {
    const response = await fetch(`${red.url}/citystream/test/citystream-kafka-cluster`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ settings: { clientId: "test", sasl: "none", client: CLIENT, ...settings }, credentials }),
    });
    return JSON.stringify(await response.json());
  };

  before(async function services() {
    kafka = await serviceFor(this, "kafka", { sasl: { users: { ann: "secret" } }, tls: {} });
    red = await nodeRed();
  });
  afterEach(() => red?.deploy([]));

  it("tells brokers, controller and version when its connection is tested", async () => {
    const found = await test({ brokers: kafka.brokers });
    assert.match(found, /"word":"found"/);
    assert.match(found, /"brokers":1/);
    assert.match(found, /"controller":1/);
    assert.match(found, /4\.1 or newer/);
  });

  it("names the address that does not answer", async () => {
    assert.match(await test({ brokers: "127.0.0.1:1" }), /No Kafka broker at 127\.0\.0\.1:1 \(connection refused\)/);
    assert.match(
      await test({ brokers: "no.such.host.invalid:9092" }),
      /host of broker no\.such\.host\.invalid:9092 is not known/,
    );
  });

  it("says so when what answers is not Kafka", async () => {
    const server = createServer((socket) =>
      socket
        .on("error", () => undefined)
        .resume()
        .end("HTTP/1.1 400\r\n\r\n"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    assert.match(await test({ brokers: `127.0.0.1:${port}` }), /error|closed|Kafka/);
    server.close();
  });

  it("says which setting is wrong", async () => {
    assert.match(await test({ brokers: "kafka" }), /\\"kafka\\" is not host:port/);
    assert.match(await test({ brokers: kafka.saslBrokers, sasl: "PLAIN" }), /PLAIN needs a user and a password/);
  });

  it("works with kafkajs when it was made before there was a choice", async () => {
    assert.match(await test({ brokers: kafka.brokers, client: undefined }), /"word":"found"/);
  });

  for (const sasl of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]) {
    it(`logs in by ${sasl}`, async () => {
      const found = await test({ brokers: kafka.saslBrokers, sasl }, { username: "ann", password: "secret" });
      assert.match(found, /"word":"found"/);
    });
    it(`tells a refused login by ${sasl} from a broker that is away`, async () => {
      const found = await test({ brokers: kafka.saslBrokers, sasl }, { username: "ann", password: "wrong" });
      assert.match(found, new RegExp(`refused the login of user \\\\"ann\\\\" by ${sasl}`));
      assert.doesNotMatch(found, /wrong/);
    });
  }

  it("logs in by OAUTHBEARER with a token", async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const token = `${part({ alg: "none" })}.${part({ sub: "ann", iat: now, exp: now + 600 })}.`;
    const found = await test({ brokers: kafka.saslBrokers, sasl: "OAUTHBEARER" }, { token });
    assert.match(found, /"word":"found"/);
  });

  it("says so when the broker wants TLS, and when its certificate is not trusted", async () => {
    const untrusted = await test({ brokers: kafka.tlsBrokers, encrypted: true });
    assert.match(untrusted, /certificate.*(CA|self-signed)/);
    const plain = await test({ brokers: kafka.tlsBrokers });
    assert.match(plain, /TLS/);
    const encrypted = await test({ brokers: kafka.brokers, encrypted: true });
    assert.match(encrypted, /TLS/);
  });

  it("connects by TLS with the CA of a tls-config node", async () => {
    const group = unique("tls");
    await red.deploy(
      flowOf(
        {
          id: "ca",
          type: "tls-config",
          name: "",
          cert: "",
          key: "",
          ca: "",
          verifyservercert: true,
          credentials: { cadata: kafka.certificates?.ca },
        },
        clusterNode(kafka.tlsBrokers, { encrypted: true, tls: "ca" }),
        kafkaOut(group, { create: true }),
        collect("stored"),
      ),
    );
    red.receive("out", { payload: 1 });
    await red.arrived("stored", 1);
  });

  it("keeps a refused login red, in words, and Node-RED alive", async () => {
    await red.deploy(
      flowOf(
        clusterNode(kafka.saslBrokers, { sasl: "PLAIN", credentials: { username: "ann", password: "wrong" } }),
        kafkaIn("anything", unique("group")),
        collect("got"),
      ),
    );
    await red.until("the status says so", () => /refused the login of user "ann"/.test(red.status("in")?.text ?? ""));
    assert.equal(red.status("in")?.fill, "red");
  });
});
