import assert from "node:assert/strict";
import type { Service } from "../../tools/services";
import { serviceFor } from "../../tools/services/for-test";
import { nodeRed } from "../harness";

describe("connect cluster", () => {
  let connect: Service<"connect">;
  const login = { user: "registrar", password: "secret" };
  before(async function () {
    connect = await serviceFor(this, "connect", { login });
  });

  /** What the editor's button asks. */
  const test = async (settings: object, credentials: object = {}): Promise<{ found?: object; error?: string }> => {
    const red = await nodeRed();
    const answer = await fetch(`${red.url}/citystream/test/citystream-connect-cluster`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "none", settings, credentials }),
    });
    return (await answer.json()) as { found?: object; error?: string };
  };

  it("tells at the button what it found", async () => {
    const { found } = await test({ urls: connect.url }, { username: login.user, password: login.password });
    assert.deepEqual(found, { word: "found", values: { version: "4.3.1", connectors: 0, plugins: 2 } });
  });

  it("names a refused login, an address that does not answer, and one that is none", async () => {
    const wrong = await test({ urls: connect.url }, { username: login.user, password: "other" });
    assert.match(wrong.error ?? "", /refused the login/u);
    assert.match((await test({ urls: "http://127.0.0.1:1" })).error ?? "", /cannot be reached/u);
    assert.match((await test({ urls: "connect" })).error ?? "", /"connect" is no address/u);
    assert.match((await test({ urls: "" })).error ?? "", /Addresses: is required/u);
  });
});
