import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { DeadLetter } from "../../../nodes/lib/delivery/contract";
import { deadLetterFile } from "../../../nodes/lib/delivery/dead-letter-file";
import { matcher, readFilter } from "../../../nodes/lib/letters/filter";
import { letterFolder } from "../../../nodes/lib/letters/folder";

const letter = (id: string, payload: unknown = id): DeadLetter => ({
  id,
  message: { payload },
  error: new Error("no"),
  attempts: 1,
  time: 1_000,
});

describe("a folder of dead letters", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "citystream-folder-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const write = async (prefix: string, ...letters: DeadLetter[]): Promise<void> => {
    const file = deadLetterFile({ directory, prefix });
    await file.write(letters);
    await file.close();
  };
  const opened = async (most?: number) => {
    const store = letterFolder(directory, "kept", most);
    await store.refresh();
    return store;
  };
  const idsOf = (store: { letters(): Iterable<{ id: string }> }): string[] => [...store.letters()].map(({ id }) => id);

  it("is empty while the folder is not there", async () => {
    const store = letterFolder(path.join(directory, "not", "yet"), "kept");
    await store.refresh();
    assert.equal(store.size, 0);
    await store.close();
  });

  it("reads past a line that was torn by a kill, and past what is no letter", async () => {
    await write("a", letter("1"), letter("2"));
    const [name] = readdirSync(directory);
    appendFileSync(path.join(directory, name ?? ""), '{"no":"letter"}\n[1]\n{"id":"3","time":"2026-');
    const store = await opened();
    assert.deepEqual(idsOf(store), ["1", "2"]);
    await store.close();
  });

  it("counts a letter that is stored twice once, the later version, and never brings the earlier one back", async () => {
    await write("z", letter("1", "early"), letter("other"));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await write("a", letter("1", "late"));
    const store = await opened();
    assert.equal(store.size, 2);
    assert.equal((await store.read("1"))?.().message.payload, "late");
    await store.done(["1"]);
    await store.close();
    const again = await opened();
    assert.deepEqual(idsOf(again), ["other"]);
    await again.done(["other"]);
    assert.deepEqual(readdirSync(directory), [], "what is done with is removed");
    await again.close();
  });

  it("leaves the files of a living process alone, and removes those of one that has ended", async () => {
    await write("a", letter("1"));
    await write("b", letter("2"));
    const rename = (prefix: string, pid: number): void => {
      const name = readdirSync(directory).find((one) => one.startsWith(`${prefix}-`)) ?? "";
      renameSync(
        path.join(directory, name),
        path.join(directory, name.replace(/-\d+-(\d+)\.ndjson$/u, `-${pid}-$1.ndjson`)),
      );
    };
    rename("a", process.ppid);
    rename("b", spawnSync(process.execPath, ["-e", ""]).pid);
    const store = await opened();
    await store.done(["1", "2"]);
    assert.deepEqual(
      readdirSync(directory)
        .map((name) => `${name.slice(0, 1)} ${path.extname(name)}`)
        .toSorted(),
      ["a .done", "a .ndjson"],
    );
    await store.close();
  });

  it("keeps so many in mind, and shows the others once some are done", async () => {
    await write("a", ...["1", "2", "3", "4", "5"].map((id) => letter(id)));
    const store = await opened(3);
    assert.deepEqual([idsOf(store), store.more], [["1", "2", "3"], true]);
    await store.done(["1", "3"]);
    await store.refresh();
    assert.deepEqual([idsOf(store), store.more], [["2", "4", "5"], false]);
    await store.close();
  });

  it("remembers no letter once it is done and its file has been read", async function memory() {
    this.timeout(120_000);
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const used = (): number => (collect(), process.memoryUsage().heapUsed);
    const store = letterFolder(directory, "kept");
    const others = deadLetterFile({ directory });
    let made = 0;
    const round = async (): Promise<void> => {
      await others.write(
        Array.from({ length: 10_000 }, () => letter(`a letter with a long name, number ${(made += 1)}`)),
      );
      await store.refresh();
      await store.done(idsOf(store));
    };
    await round();
    const before = used();
    for (let n = 0; n < 3; n += 1) await round();
    const grown = used() - before;
    assert.equal(store.size, 0);
    assert.ok(grown < 1_000_000, `${grown} bytes are kept of ${made} letters`);
    await others.close();
    await store.close();
  });

  it("reads on where a kill has torn the list of what is done, and removes a list whose letters are gone", async () => {
    await write("a", letter("1"), letter("2"), letter("3"));
    const [name = ""] = readdirSync(directory);
    appendFileSync(path.join(directory, `${name}.done`), "1\nha");
    const store = await opened();
    await store.done(["2"]);
    await store.close();
    const again = await opened();
    assert.deepEqual(idsOf(again), ["3"]);
    appendFileSync(path.join(directory, "dead-letters-2026-01-01T00-00-00.000Z-1-1.ndjson.done"), "7\n");
    await again.done(["3"]);
    await again.refresh();
    assert.deepEqual(readdirSync(directory), []);
    await again.close();
  });

  it("knows what another process has done, also between two of its own", async () => {
    await write("a", ...["1", "2", "3", "4"].map((id) => letter(id)));
    const [mine, theirs] = [await opened(), await opened()];
    await mine.done(["1"]);
    await theirs.done(["2"]);
    await mine.done(["3"]);
    await mine.refresh();
    assert.deepEqual(idsOf(mine), ["4"]);
    await theirs.refresh();
    assert.deepEqual(idsOf(theirs), ["4"]);
    await mine.close();
    await theirs.close();
  });

  it("refuses a filter that makes no sense, naming the property", () => {
    assert.throws(() => readFilter({ from: "soon" }), /from: give a time/u);
    assert.throws(() => readFilter({ ids: "1" }), /ids: give a list/u);
    assert.throws(() => readFilter({ attempts: "many" }), /attempts: give a number/u);
    assert.throws(() => readFilter({ node: 5 }), /node: give a text/u);
    assert.deepEqual(readFilter({ search: "", partition: "0", unknown: 1 }), { partition: 0 });
    assert.equal(
      matcher({ partition: 0 })({ id: "", time: "", cause: "", error: "", attempts: 1, payload: "", bytes: 0 }),
      false,
    );
  });
});
