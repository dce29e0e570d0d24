import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { lockFolder } from "../../../nodes/lib/files/folder-lock";

describe("the lock of a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "citystream-lock-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("keeps others out until it is released, by whatever name they call the folder", async () => {
    const lock = await lockFolder(folder);
    const other = `${folder}-link`;
    symlinkSync(folder, other);
    try {
      await assert.rejects(lockFolder(folder), /ConfigError: .* is in use by another process/);
      await assert.rejects(lockFolder(other), /is in use by another process/);
      await lock.release();
      await (await lockFolder(other)).release();
    } finally {
      rmSync(other);
    }
  });

  it("is free again when its process was killed", async () => {
    const program = path.join(folder, "holder.cjs");
    const module = JSON.stringify(require.resolve("../../../nodes/lib/files/folder-lock"));
    writeFileSync(
      program,
      `require(${module}).lockFolder(${JSON.stringify(folder)}).then(() => process.send("locked")); setInterval(() => {}, 1000);`,
    );
    const child = fork(program);
    await once(child, "message");
    await assert.rejects(lockFolder(folder), /is in use by another process/);
    child.kill("SIGKILL");
    await once(child, "exit");
    await (await lockFolder(folder)).release();
  });
});
