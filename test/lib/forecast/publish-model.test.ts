import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readModel } from "../../../nodes/lib/forecast/model-file";
import { checkFolder, presentModel, publishModel } from "../../../nodes/lib/forecast/publish-model";
import { testModel } from "./models";

describe("publishing a model", () => {
  let folder = "";
  beforeEach(() => (folder = path.join(mkdtempSync(path.join(tmpdir(), "citystream-publish-")), "model")));
  afterEach(() => rmSync(path.dirname(folder), { recursive: true, force: true }));

  const versionThere = (): string => readModel(folder).metadata.version;

  it("makes the folder and puts the model with its card there", async () => {
    assert.equal(presentModel(folder), undefined);
    const file = await publishModel(folder, testModel(1), "# card");
    assert.equal(file, path.join(folder, "model.json"));
    assert.equal(presentModel(folder)?.metadata.version, "1");
    assert.equal(readFileSync(path.join(folder, "card.md"), "utf8"), "# card");
  });

  it("keeps the weights of the model before for who reads it, and no older ones", async () => {
    writeFileSync(path.join(path.dirname(folder), "other.bin"), "");
    for (const seed of [1, 2, 3]) await publishModel(folder, testModel(seed), "");
    const names = readdirSync(folder);
    assert.deepEqual([names.filter((name) => name.endsWith(".bin")).length, names.length], [2, 4], names.join());
    assert.equal(versionThere(), "3");
  });

  it("shows a reader a whole model at every moment", async () => {
    await publishModel(folder, testModel(1), "");
    let seen = 0;
    const written = new AbortController();
    const reading = (async () => {
      while (!written.signal.aborted) {
        const { metadata, weights } = readModel(folder);
        const wanted = testModel(Number(metadata.version)).weights;
        for (const [name, { values }] of wanted) assert.deepEqual(weights.get(name)?.values, values);
        seen++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let seed = 2; seed < 20; seed++) await publishModel(folder, testModel(seed), "");
    written.abort();
    await reading;
    assert.ok(seen > 18, `${seen} times`);
  });

  it("leaves nothing behind when it is cancelled", async () => {
    await publishModel(folder, testModel(1), "old");
    const before = readdirSync(folder).sort();
    await assert.rejects(publishModel(folder, testModel(2), "new", AbortSignal.abort(new Error("closed"))), /closed/);
    assert.deepEqual(readdirSync(folder).sort(), before);
    assert.equal(versionThere(), "1");
  });

  it("says which folder can't be written to", async () => {
    writeFileSync(folder, "a file");
    await assert.rejects(checkFolder(folder), /Folder: .*model cannot be written to: .*choose another/);
    await assert.rejects(publishModel(folder, testModel(1), ""), /Folder: the model cannot be written to .*model/);
    rmSync(folder);
    await checkFolder(folder);
    if (process.getuid?.() === 0) return;
    chmodSync(folder, 0o500);
    await assert.rejects(checkFolder(folder), /cannot be written to/);
  });

  it("says that a model in the folder is broken", async () => {
    await publishModel(folder, testModel(1), "");
    writeFileSync(path.join(folder, "model.json"), "{");
    assert.throws(() => presentModel(folder), /Model file .*model\.json is not JSON/);
  });
});
