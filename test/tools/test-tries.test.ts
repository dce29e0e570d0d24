import assert from "node:assert/strict";
import { MOST, pattern, triesAgain } from "../../tools/test-tries";

describe("the second try of a failed test", () => {
  const failure = (file: string, hook = false) => ({ title: `fails in ${file}`, file: `/dist/test/${file}`, hook });
  const tried = (...failures: readonly ReturnType<typeof failure>[]): readonly string[] =>
    triesAgain(failures, "/dist/test").map(({ file }) => file.slice("/dist/test/".length));

  it("is given to what services and browsers may have slowed down, not to counts of records", () => {
    const failures = ["sink/a.js", "faults/kill.js", "lib/kafka/b.js"].map((file) => failure(file));
    assert.deepEqual(tried(...failures), ["sink/a.js", "lib/kafka/b.js"]);
    assert.deepEqual(tried(failure("delivery/flows.js"), failure("lib/delivery/ledger.js")), []);
  });

  it("is given to none when a hook failed, or more than chance explains", () => {
    assert.deepEqual(tried(failure("sink/a.js"), failure("sink/b.js", true)), []);
    const many = Array.from({ length: MOST + 1 }, (_, n) => failure(`sink/${n}.js`));
    assert.equal(tried(...many.slice(1)).length, MOST);
    assert.deepEqual(tried(...many), []);
  });

  it("runs exactly the tests that failed, whatever their titles hold", () => {
    const titles = ["a (b) sends [1.5] {x} | y?", "costs $5 \\ more^ *now* +1"];
    const chosen = new RegExp(pattern(titles.map((title) => ({ title, hook: false }))), "u");
    for (const title of titles) assert.match(title, chosen);
    for (const other of ["a (b) sends [1.5] {x} ", `${titles[0]} too`, `not ${titles[1]}`])
      assert.doesNotMatch(other, chosen);
  });
});
