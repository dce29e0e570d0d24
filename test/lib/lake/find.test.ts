import assert from "node:assert/strict";
import { findFiles, pathTemplate } from "../../../nodes/lib/lake/find";
import { isProblem, readAll, type Store } from "../../../nodes/lib/lake/store";
import { stores } from "./stores";

const FILES = [
  "+tmp/g/air/0/n/1/claim",
  "a/_a.ndjson.0123abcd.offsets",
  "a/.hidden.csv",
  "a/a.ndjson",
  "a/b/a/b/deep.csv",
  "a/b.csv",
  "air/dt=2026-01-01/x.csv",
  "air/dt=2026-01-02/x.csv",
  "air/dt=2027-01-01/x.csv",
  "_logs/job.csv",
  "서울/PM2.5.csv",
  "x%2Fy/z.csv",
  "z.csv",
];

for (const { name, open } of stores)
  describe(`the files of a lake in ${name}`, () => {
    let store: Store;
    before(async function () {
      store = await open(this);
      for (const file of FILES) await store.create(file, [Buffer.from(`content of ${file}`)], { createParent: true });
    });
    after(() => store.close());

    const found = async (path: string, message: object = {}): Promise<string[]> => {
      const files: string[] = [];
      for await (const file of findFiles(store, pathTemplate(path, "Path").render(message))) files.push(file.path);
      return files;
    };

    it("are found by name, without temporary files and hidden ones", async () => {
      assert.deepEqual((await found("")).sort(), FILES.filter((file) => !/^\+tmp|(?:^|\/)[._]/u.test(file)).sort());
      assert.deepEqual(await found("a"), ["a/a.ndjson", "a/b/a/b/deep.csv", "a/b.csv"]);
      assert.deepEqual(await found("/a/b.csv/"), ["a/b.csv"]);
      assert.deepEqual([await found("nowhere"), await found("nowhere/*"), await found("z.csv/x")], [[], [], []]);
    });

    it("are found by patterns", async () => {
      assert.deepEqual(await found("air/dt=2026-*"), ["air/dt=2026-01-01/x.csv", "air/dt=2026-01-02/x.csv"]);
      assert.deepEqual(await found("a?r/dt=*/x.csv"), [
        "air/dt=2026-01-01/x.csv",
        "air/dt=2026-01-02/x.csv",
        "air/dt=2027-01-01/x.csv",
      ]);
      assert.deepEqual(await found("*.csv"), ["z.csv"]);
      assert.deepEqual(await found("**/b"), ["a/b/a/b/deep.csv"]);
      assert.deepEqual(await found("**/a/b"), ["a/b/a/b/deep.csv"]);
      assert.deepEqual((await found("**/*.csv")).length, 8);
      assert.deepEqual(await found("서?/*2.5*"), ["서울/PM2.5.csv"]);
    });

    it("are found by what a message brings, which can't lead elsewhere", async () => {
      assert.deepEqual(await found("{{payload.site}}", { payload: { site: "서울" } }), ["서울/PM2.5.csv"]);
      assert.deepEqual(await found("{{topic}}/dt={{payload}}-01-*", { topic: "air", payload: 2027 }), [
        "air/dt=2027-01-01/x.csv",
      ]);
      assert.deepEqual(await found("{{topic}}", { topic: "x/y" }), ["x%2Fy/z.csv"]);
      assert.deepEqual(await found("{{topic}}", { topic: "*" }), []);
      assert.deepEqual(await found("dt={{topic}}*", { topic: "../a" }), []);
      await assert.rejects(found("{{topic}}", { topic: ".." }), /can't make a directory named "\.\."/u);
      await assert.rejects(found("{{payload.site}}"), /payload\.site\}\} is missing/u);
    });

    it("are read from an offset on", async () => {
      const parts: Uint8Array[] = [];
      for await (const part of await store.read("z.csv", 8)) parts.push(part);
      assert.equal(Buffer.concat(parts).toString(), "of z.csv");
      assert.equal((await readAll(store, "z.csv")).toString(), "content of z.csv");
      await assert.rejects(store.read("none.csv", 8), (error) => isProblem(error, "missing"));
    });
  });

describe("a path of a lake", () => {
  it("is refused when it leads out of it, or is none", () => {
    for (const [path, reason] of [
      ["a/../b", /"\.\." is not allowed/u],
      ["+tmp/x", /"\+tmp" holds unfinished files/u],
      ["{{payload.site", /not closed/u],
      ["**/a/**", /more than one "\*\*"/u],
    ] as const)
      assert.throws(() => pathTemplate(path, "Path"), reason);
  });
});
