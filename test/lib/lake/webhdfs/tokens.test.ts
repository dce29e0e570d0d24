import assert from "node:assert/strict";
import { StoreError } from "../../../../nodes/lib/lake/store";
import { delegationTokens } from "../../../../nodes/lib/lake/webhdfs/tokens";

const HOUR = 3_600_000;

describe("delegation tokens of logins by Kerberos", () => {
  let time: number;
  let taken: number;
  let isAway: boolean;
  beforeEach(() => {
    [time, taken, isAway] = [0, 0, false];
  });
  const tokens = (): ReturnType<typeof delegationTokens> =>
    delegationTokens(
      () => (isAway ? Promise.reject(new StoreError("unreachable", "no KDC")) : Promise.resolve(`token ${++taken}`)),
      () => time,
    );

  it("are taken once for many requests, also for those at the same time", async () => {
    const token = tokens();
    assert.deepEqual(await Promise.all([token(), token(), token()]), ["token 1", "token 1", "token 1"]);
    time += 5 * HOUR;
    assert.deepEqual([await token(), taken], ["token 1", 1]);
  });

  it("are taken anew long before the day that they live is over", async () => {
    const token = tokens();
    await token();
    time += 7 * HOUR;
    assert.equal(await token(), "token 2");
  });

  it("are taken anew once when several requests find one refused", async () => {
    const token = tokens();
    const first = await token();
    const again = await Promise.all([token(first), token(first)]);
    assert.deepEqual([again, await token(first), taken], [["token 2", "token 2"], "token 2", 2]);
  });

  it("go on while nobody gives tickets, and that is tried again every five minutes", async () => {
    const token = tokens();
    await token();
    time += 7 * HOUR;
    isAway = true;
    assert.equal(await token(), "token 1");
    isAway = false;
    assert.equal(await token(), "token 1");
    time += 6 * 60_000;
    assert.equal(await token(), "token 2");
    isAway = true;
    await assert.rejects(token("token 2"), /no KDC/u, "a refused one is of no use");
  });
});
