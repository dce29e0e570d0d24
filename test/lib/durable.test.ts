import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { syncDirectory, writeDurably } from "../../nodes/lib/durable";

describe("durable files", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "citystream-durable-"));
  const file = path.join(folder, "file");
  beforeEach(() => writeFileSync(file, "what was there before"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("take the place of what is there, whole, where that is wanted", async () => {
    await writeDurably(file, "new", "w");
    await syncDirectory(folder);
    assert.equal(readFileSync(file, "utf8"), "new");
  });

  it("leave what is there where nothing may be", async () => {
    await assert.rejects(writeDurably(file, Buffer.from("new"), "wx"), { code: "EEXIST" });
    assert.equal(readFileSync(file, "utf8"), "what was there before");
  });

  it("have a directory, which must be there", async () => {
    if (process.platform === "win32") return;
    await assert.rejects(syncDirectory(path.join(folder, "absent")), { code: "ENOENT" });
  });
});
