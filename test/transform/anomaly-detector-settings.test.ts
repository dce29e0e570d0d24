import assert from "node:assert/strict";
import { nodeRed } from "../harness";
import { flow, LIMITS, reading, row } from "./anomaly";
import { errorOf } from "./read";

describe("anomaly-detector with wrong settings", () => {
  for (const [what, settings, message] of [
    ["no row", { watched: [] }, /Fields: needs at least 1 row/],
    [
      "a row without a field",
      { watched: [row({ field: " ", method: "zscore" })] },
      /Fields: row 1: .*Field: is required|Fields: row 1: .*path is empty/,
    ],
    ["a key that cannot be read", { key: "payload[" }, /Key: "payload\[" is not a property path/],
    [
      "a rate without a threshold",
      { watched: [row({ field: "a", method: "rate" })] },
      /row 1: Raise at is empty; write the change a minute that is too much/,
    ],
    [
      "limits without a limit",
      { watched: [row({ field: "a", method: "limits" })] },
      /row 1: Low and Raise at are empty; write at least one limit/,
    ],
    [
      "limits that nothing fits",
      { watched: [row({ field: "a", method: "limits", low: 5, raise: 5 })] },
      /row 1: Low 5 is not below 5/,
    ],
    [
      "a margin that no value fits",
      { watched: [row({ field: "a", method: "limits", low: 0, raise: 5, clear: 3 })] },
      /Clear at: 3 is how far inside the limits/,
    ],
    [
      "a low limit of sigmas",
      { watched: [row({ field: "a", method: "ewma", low: 5 })] },
      /Low is of limits only; leave it empty with ewma/,
    ],
    [
      "an alarm that clears above where it is raised",
      { watched: [row({ field: "a", method: "zscore", raise: 3, clear: 4 })] },
      /Clear at: 4 must be from 0 to 3/,
    ],
    [
      "the same method twice",
      { watched: [LIMITS, row({ field: "temp", method: "limits", low: 1 })] },
      /row 2: "temp" is judged by limits already; keep one of the rows/,
    ],
    [
      "a warm-up longer than the window",
      { watched: [row({ field: "a", method: "zscore", more: "window=20" })] },
      /a warm-up of 50 readings never ends with 20 remembered; shorten it/,
    ],
    [
      "a parameter of another method",
      { watched: [row({ field: "a", method: "zscore", more: "lambda=0.1" })] },
      /More: zscore has no "lambda"; it has for, error, side, spread, window, warmup/,
    ],
    [
      "parameters that cannot be read",
      { watched: [row({ field: "a", method: "zscore", more: "for=2 up" })] },
      /More: "up" is no name=value; write for example for=3 side=above/,
    ],
    [
      "a parameter of a wrong value",
      { watched: [row({ field: "a", method: "zscore", more: "side=left" })] },
      /More: side=left must be one of both, above, below/,
    ],
    [
      "a number out of bounds",
      { watched: [row({ field: "a", method: "ewma", more: "lambda=2" })] },
      /More: lambda=2 must be a number from 0.001 to 1/,
    ],
    [
      "a half reading",
      { watched: [row({ field: "a", method: "stuck", raise: 2.5 })] },
      /Raise at: 2.5 must be a whole number of readings, at least 2/,
    ],
    [
      "a for that is no time",
      { watched: [row({ field: "a", method: "stuck", more: "for=soon" })] },
      /row 1: for: "soon" is not a duration/,
    ],
    [
      "a time zone that does not exist",
      { watched: [row({ field: "a", method: "seasonal" })], zone: "Mars" },
      /Time zone: "Mars" is no time zone/,
    ],
    ["a cool-down below 0", { pause: "-5 min" }, /Cool-down: "-5 min" is negative/],
  ] as const) {
    it(`shows what to change when set to ${what}, and fails messages instead of losing them`, async () => {
      const red = await nodeRed();
      red.logs.length = 0;
      await red.deploy(flow(settings));
      assert.ok(
        red.logs.some((entry) => message.test(String(entry.msg))),
        JSON.stringify(red.logs),
      );
      red.receive("node", reading(1, 1));
      const [caught] = await red.arrived("caught", 1);
      assert.match(errorOf(caught), message);
      assert.equal(red.status("node")?.fill, "red");
    });
  }
});
