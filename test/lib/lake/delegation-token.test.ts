import assert from "node:assert/strict";
import { openStore, tryStore } from "../../../nodes/lib/lake/open";
import type { Service } from "../../../tools/services";
import { serviceFor } from "../../../tools/services/for-test";
import { freshRoot } from "./stores";

// A name node without Kerberos ignores tokens; HttpFS gives and checks its own in any case.
describe("a lake on HDFS by a delegation token", () => {
  let httpfs: Service<"httpfs">;
  /** What HttpFS answers to an operation, asked without our client. */
  const ask = async (method: string, query: string): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${httpfs.url}/webhdfs/v1/?${query}`, { method });
    const text = await answer.text();
    assert.ok(answer.ok, text);
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  };
  const newToken = async (user: string): Promise<string> => {
    const { Token } = await ask("GET", `op=GETDELEGATIONTOKEN&user.name=${user}&renewer=${user}`);
    return (Token as { urlString: string }).urlString;
  };

  before(async function () {
    httpfs = await serviceFor(this, "httpfs");
  });

  it("is written and read as the token's user, whatever user is entered", async () => {
    const token = await newToken(httpfs.user);
    const root = freshRoot();
    const store = openStore({ address: `${httpfs.url}${root}`, user: "somebody", token });
    const trial = await tryStore(store);
    store.close();
    assert.ok(Number(trial.replication) >= 1);
    const { FileStatus } = (await (
      await fetch(`${httpfs.url}/webhdfs/v1${root}?op=GETFILESTATUS&user.name=${httpfs.user}`)
    ).json()) as { FileStatus: { owner: string } };
    assert.equal(FileStatus.owner, httpfs.user);
  });

  it("says that a token was cancelled, or is none, and what to do", async () => {
    const token = await newToken(httpfs.user);
    await ask("PUT", `op=CANCELDELEGATIONTOKEN&user.name=${httpfs.user}&token=${token}`);
    const store = openStore({ address: `${httpfs.url}${freshRoot()}`, user: "", token });
    await assert.rejects(
      tryStore(store),
      /\(permission\): .*delegation token has expired or was cancelled: enter a new one/u,
    );
    store.close();
    const none = openStore({ address: `${httpfs.url}${freshRoot()}`, user: "", token: "none" });
    await assert.rejects(tryStore(none), /refused to/u);
    none.close();
  });
});
