import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { nodeRed } from "../harness";

describe("schema registry node", () => {
  let service: Service<"registry">;
  before(async function () {
    service = await serviceFor(this, "registry");
  });

  /** What the editor's button asks. */
  const test = async (settings: object, credentials: object = {}): Promise<{ found?: object; error?: string }> => {
    const red = await nodeRed();
    const answer = await fetch(`${red.url}/citystream/test/citystream-schema-registry`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "none", settings, credentials }),
    });
    return (await answer.json()) as { found?: object; error?: string };
  };

  it("tells at the button what it found", async () => {
    const { found } = await test({ urls: service.url });
    assert.equal((found as { word?: string } | undefined)?.word, "found");
  });

  it("names an address that does not answer, one that is none, and one that is missing", async () => {
    assert.match((await test({ urls: "http://127.0.0.1:1" })).error ?? "", /Schema registry at .* cannot be reached/u);
    assert.match((await test({ urls: "registry" })).error ?? "", /"registry" is no address/u);
    assert.match((await test({ urls: "" })).error ?? "", /Addresses: is required/u);
  });

  it("logs in at a proxy that demands a user, or a token, before the registry", async () => {
    const accepted = new Set([`Basic ${Buffer.from("api:secret").toString("base64")}`, "Bearer t0ken"]);
    const guard = http.createServer((request, response) => {
      if (!accepted.has(request.headers.authorization ?? "")) {
        response.writeHead(401).end();
        return;
      }
      const url = new URL(service.url);
      request.pipe(
        http.request(
          new URL(url.pathname + (request.url ?? ""), url),
          { method: request.method ?? "GET" },
          (answer) => {
            response.writeHead(answer.statusCode ?? 500, answer.headers);
            answer.pipe(response);
          },
        ),
      );
    });
    await new Promise<void>((resolve) => guard.listen(0, "127.0.0.1", resolve));
    const urls = `http://127.0.0.1:${(guard.address() as AddressInfo).port}`;
    try {
      assert.ok((await test({ urls }, { username: "api", password: "secret" })).found);
      assert.ok((await test({ urls }, { token: "t0ken" })).found);
      assert.match(
        (await test({ urls }, { username: "api", password: "other" })).error ?? "",
        /refused the login \(401\)/u,
      );
    } finally {
      guard.closeAllConnections();
      guard.close();
    }
  });
});
