/** Claims of a partition's state in a shared folder: whoever has the partition goes on with what was kept last. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { claimState, partitionFolder, type Claim } from "../../../nodes/lib/state/claim";

const yes = (): Promise<boolean> => Promise.resolve(true);
const no = (): Promise<boolean> => Promise.resolve(false);
const FILE = "0000000001.state";

describe("claims of a partition's state", () => {
  let root: string;

  beforeEach(() => {
    root = path.join(mkdtempSync(path.join(tmpdir(), "citystream-claim-")), "cards-0");
  });
  afterEach(() => rmSync(path.dirname(root), { recursive: true, force: true }));

  const claimed = async (): Promise<Claim> => {
    const claim = await claimState(root, yes);
    assert.ok(claim);
    return claim;
  };
  const put = ({ directory }: Claim, text: string): void => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, FILE), text);
  };
  const numbers = (): number[] => readdirSync(root).map(Number);

  it("begin with nothing, and go on with a copy of what was kept last", async () => {
    const first = await claimed();
    assert.equal(existsSync(first.directory), false);
    put(first, "kept");
    const second = await claimed();
    assert.equal(readFileSync(path.join(second.directory, FILE), "utf8"), "kept");
    put(first, "kept, and what a paused process wrote");
    assert.equal(readFileSync(path.join(second.directory, FILE), "utf8"), "kept");
  });

  it("that are not confirmed leave nothing, and are passed over while they last", async () => {
    put(await claimed(), "kept");
    const third = await new Promise<Claim | undefined>((resolve, reject) => {
      void claimState(root, async () => {
        // Paused here, while another one goes on.
        resolve(await claimState(root, yes).catch(reject as () => undefined));
        return false;
      });
    });
    assert.equal(readFileSync(path.join(third?.directory ?? "", FILE), "utf8"), "kept");
    assert.equal(await claimState(root, no), undefined);
    assert.deepEqual(numbers(), [1, 3]);
  });

  it("pass over folders in which nothing was kept", async () => {
    put(await claimed(), "kept");
    const [second, third] = [await claimed(), await claimed()];
    rmSync(path.join(second.directory, FILE));
    rmSync(third.directory, { recursive: true });
    const fourth = await claimed();
    assert.equal(readFileSync(path.join(fourth.directory, FILE), "utf8"), "kept");
  });

  it("take no half copy for a state: one that a kill has cut off is passed over", async () => {
    put(await claimed(), "kept");
    mkdirSync(path.join(root, "0000000002", "copy"), { recursive: true });
    writeFileSync(path.join(root, "0000000002", "copy", FILE), "ke");
    const third = await claimed();
    assert.equal(readFileSync(path.join(third.directory, FILE), "utf8"), "kept");
  });

  it("bring files of other settings along", async () => {
    const first = await claimed();
    put(first, "kept");
    writeFileSync(path.join(first.directory, "0000000001.state.other"), "other");
    const { directory } = await claimed();
    assert.deepEqual(readdirSync(directory).toSorted(), [FILE, "0000000001.state.other"]);
  });

  it("remove what lies below them, and nothing above", async () => {
    const [first, second] = [await claimed(), await claimed()];
    put(first, "1");
    put(second, "2");
    const third = await claimed();
    await second.sweep();
    assert.deepEqual(numbers(), [2, 3]);
    await third.sweep();
    assert.deepEqual(numbers(), [3]);
  });

  it("never get a number that another one has, however many claim at once", async () => {
    const claims = await Promise.all(Array.from({ length: 8 }, claimed));
    assert.equal(new Set(claims.map(({ directory }) => directory)).size, 8);
    assert.deepEqual(numbers(), [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("leave nothing where what was kept can't be copied, and may be tried again", async () => {
    const first = await claimed();
    put(first, "kept");
    mkdirSync(path.join(first.directory, "0000000002.state"));
    await assert.rejects(claimState(root, yes));
    assert.deepEqual(numbers(), [1]);
    rmSync(path.join(first.directory, "0000000002.state"), { recursive: true });
    assert.equal(readFileSync(path.join((await claimed()).directory, FILE), "utf8"), "kept");
  });

  it("are in folders that every file system takes and tells apart", () => {
    const of = (topic: string, partition = 0): string => partitionFolder({ topic, partition });
    assert.equal(of("cards.paid_1", 12), "cards.paid_1-12");
    for (const topic of ["..", ".", "../up", "a/b", "a\\b", "Cards", "con", "con.x", "a".repeat(249), ".hidden", ""])
      assert.match(of(topic, 3), /^\+[0-9a-f]{32}-3$/u, topic);
    assert.notEqual(of("Cards"), of("cards"));
    assert.notEqual(of("a-1", 2), of("a", 12));
  });
});
