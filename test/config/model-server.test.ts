import assert from "node:assert/strict";
import type { Service } from "../../tools/services";
import { nodeRed } from "../harness";
import { openGateway } from "../lib/forecast/engines/gateway";
import { mlserverWith, servedModels, tensorflowWith, type ServedModels } from "../lib/forecast/engines/servers";

describe("model server", function () {
  this.timeout(120_000);
  let models: ServedModels;
  let mlserver: Service<"mlserver">;
  let tensorflow: Service<"tensorflow">;
  before(async function () {
    models = await servedModels();
    [mlserver, tensorflow] = [await mlserverWith(this, models), await tensorflowWith(this, models)];
  });

  /** What the editor's button asks. */
  const test = async (settings: object, credentials: object = {}): Promise<{ found?: object; error?: string }> => {
    const red = await nodeRed();
    const answer = await fetch(`${red.url}/citystream/test/citystream-model-server`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "none", settings, credentials }),
    });
    return (await answer.json()) as { found?: object; error?: string };
  };
  const kserve = (settings: object = {}) => ({ protocol: "kserve", address: mlserver.url, model: "air", ...settings });
  const serving = (settings: object = {}) => ({
    protocol: "tensorflow-serving",
    address: tensorflow.url,
    model: "test",
    ...settings,
  });

  it("tells at the button what it found at MLServer", async () => {
    assert.deepEqual((await test(kserve())).found, {
      word: "found",
      values: {
        server: "mlserver 1.7.1",
        model: "air",
        // MLServer lists none.
        versions: "–",
        input: "window [*, 24, 16]",
        output: "forecast [*, 6]",
      },
    });
  });

  it("and at TensorFlow's paths, with versions and labels", async () => {
    const values = {
      server: "TensorFlow Serving",
      model: "test",
      input: "window [*, 4, 2]",
      output: "forecast [*, 2]",
    };
    const cases: [object, string][] = [
      [{}, "2, 1"],
      [{ version: "1" }, "1"],
      [{ versionLabel: "canary", format: "columns" }, "2"],
    ];
    for (const [settings, versions] of cases)
      assert.deepEqual((await test(serving(settings))).found, { word: "found", values: { ...values, versions } });
  });

  it("names what is wrong: address, model, version, label, signature, tensors, login", async () => {
    const cases: [object, RegExp][] = [
      [kserve({ address: "http://127.0.0.1:1" }), /127\.0\.0\.1:1 refuses the connection: is it running/],
      [kserve({ address: "models" }), /Address: "models" is not one; enter for example http:\/\/127\.0\.0\.1:8080/],
      [kserve({ address: "http://a:b@127.0.0.1" }), /Address: enter the login as a header's secret/],
      [kserve({ address: "http://127.0.0.1/?a=b" }), /Address: .* must end with a path/],
      [kserve({ address: "" }), /Address: is required/],
      [kserve({ model: "" }), /Model: is required/],
      [kserve({ model: "gone" }), /404 .*gone.*check Protocol, Model and Version/],
      [kserve({ address: tensorflow.url }), /404 .*check Protocol, Model and Version/],
      [kserve({ version: "7" }), /404 .*\/versions\/7/],
      [serving({ versionLabel: "old" }), /Unrecognized servable version label: old/],
      [serving({ version: "1", versionLabel: "stable" }), /Version and label: enter one of them/],
      [serving({ signature: "score" }), /Signature: the model "test" has no "score"; it has serving_default/],
      [kserve({ timeout: 0 }), /Time-out \(s\): 0 is below 0\.1/],
      [kserve({ batchSize: 0 }), /Windows a request: 0 is below 1/],
    ];
    for (const [settings, said] of cases) assert.match((await test(settings)).error ?? "it was found", said);
    assert.match(
      (await test(kserve({ header: "no header" }), { secret: "x" })).error ?? "",
      /Header: "no header" is no header's name/,
    );
    assert.match((await test(kserve(), { secret: "a\nb" })).error ?? "", /Secret: a header can't hold/);
  });

  it("sends its secret, and never shows it", async () => {
    const gateway = await openGateway(mlserver.url, ({ headers }, response) => {
      if (headers.authorization === "Bearer sesame") return false;
      response.writeHead(403, { "content-type": "application/json" }).end('{"error":"no entry"}');
      return true;
    });
    try {
      const settings = kserve({ address: gateway.url });
      assert.ok((await test(settings, { secret: "Bearer sesame" })).found);
      const { error } = await test(settings, { secret: "Bearer wrong" });
      assert.match(error ?? "", /answered 403 .*: no entry; check Header and Secret/);
      assert.doesNotMatch(error ?? "", /wrong/);
    } finally {
      await gateway.close();
    }
  });
});
