import assert from "node:assert/strict";
import { checkFilter, checkTopic, topicMatcher } from "../../../nodes/lib/mqtt/topics";

describe("topic filters", () => {
  for (const filter of ["a", "a/b", "+", "#", "a/+/c", "a/#", "/", "$share/g/a/#", "서울/+/온도", "$SYS/#"])
    it(`accept ${filter}`, () => checkFilter(filter));
  for (const [filter, fault] of [
    ["", /is empty/],
    ["a/#/b", /# where it may not stand/],
    ["a#", /# where it may not stand/],
    ["a/b+", /\+ beside other/],
    ["$share/g", /shared subscription/],
    ["$share//a", /shared subscription/],
    ["a\0b", /NUL/],
    ["x".repeat(65_536), /longer than/],
  ] as const)
    it(`refuse ${JSON.stringify(filter.slice(0, 20))}`, () => assert.throws(() => checkFilter(filter), fault));

  it("ask for the topics that the specification says", () => {
    // examples of MQTT 5.0, 4.7.1 and 4.7.2
    const cases: [string, string, boolean][] = [
      ["sport/tennis/player1/#", "sport/tennis/player1", true],
      ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
      ["sport/#", "sport", true],
      ["sport/tennis/+", "sport/tennis/player1", true],
      ["sport/tennis/+", "sport/tennis/player1/ranking", false],
      ["sport/+", "sport", false],
      ["sport/+", "sport/", true],
      ["+/+", "/finance", true],
      ["/+", "/finance", true],
      ["+", "/finance", false],
      ["#", "$SYS/uptime", false],
      ["+/monitor/Clients", "$SYS/monitor/Clients", false],
      ["$SYS/monitor/+", "$SYS/monitor/Clients", true],
      ["$share/group/a/+", "a/b", true],
    ];
    for (const [filter, topic, expected] of cases)
      assert.equal(topicMatcher([filter])(topic), expected, `${filter} against ${topic}`);
  });
});

describe("the topic of a message", () => {
  for (const topic of [undefined, null, "", 7, {}, "a/+", "#", "a\0"])
    it(`is refused when it is ${JSON.stringify(topic) ?? "missing"}`, () =>
      assert.throws(() => checkTopic(topic), { name: "Rejected" }));
  it("may be in any language", () => checkTopic("서울/강남/온도"));
});
