/** Bytes that are JSON text, told from those that are not without parsing them. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { jsonText } from "../../../nodes/lib/formats/json-text";

/** What JSON.parse says of the same bytes. */
const parses = (bytes: Buffer): boolean => {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
};
const agrees = (bytes: Buffer): void =>
  assert.equal(jsonText(bytes) !== undefined, parses(bytes), `of ${JSON.stringify(bytes.toString())}`);

describe("a look whether bytes are JSON text", () => {
  it("says of every JSON value that it is some, on one line or on several", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value: unknown = JSON.parse(text);
        assert.equal(jsonText(Buffer.from(JSON.stringify(value))), "line");
        const spread = JSON.stringify(value, null, 2);
        assert.equal(jsonText(Buffer.from(spread)), spread.includes("\n") ? "lines" : "line");
      }),
    );
  });

  it("agrees with JSON.parse when a byte of the text is another one, is missing, or the text is cut off", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.nat({ max: 255 }), (text, place, byte) => {
        const bytes = Buffer.from(text);
        const at = place % bytes.length;
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        agrees(changed);
        agrees(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]));
        agrees(bytes.subarray(0, at));
      }),
      { numRuns: 1_000 },
    );
  });

  it("agrees with JSON.parse on what is nearly JSON", () => {
    const lists: string[][] = [
      ["", " ", "{}", "[]", "[ ]", "{ }", "[,]", "[1,]", "{,}", '{"a":1,}', '{"a"}', '{"a":}', '{"a" : [ 1 , 2 ] }'],
      ["{]", "[}", "[1", '{"a":1', "1]", "1 2", "[1 2]", '{"a":1 "b":2}', "{1:2}", "{'a':1}", "[[[[]]]]", "[[]"],
      ["0", "-0", "00", "01", "-", "-a", "1.", ".1", "1.5", "1e5", "1E+5", "1e", "1e+", "-1.25e-7", "+1", "0x1"],
      ["true", "tru", "trueish", "null", "nul", "false", "NaN", "Infinity", "undefined", "True"],
      [
        '"',
        '"a',
        '"\\n"',
        '"\\x"',
        '"\\u12aF"',
        '"\\u12g4"',
        '"\\u123"',
        '"\\"',
        '"\t"',
        '"\n"',
        '"\u007f"',
        '"é"',
        '"\\ud800"',
      ],
      ["\ufeff{}", "\u00a01", "\v1", "\f1", "\t1\t", "\r\n1\r\n", "1\u0000", "{}{}", "//", "/**/1"],
    ];
    for (const text of lists.flat()) agrees(Buffer.from(text));
  });

  it("ends where it is said to, whatever stands behind it", () => {
    for (const text of ["5", "-1.5", "1e3", "true", '"a"', '"é"', "{}"])
      for (const behind of [".5", "5", "e3", "+", "e", '"', "}", "\u00ff"]) {
        const bytes = Buffer.from(`,${text}${behind}`);
        const end = 1 + Buffer.byteLength(text);
        assert.equal(jsonText(bytes, 1, end), "line", text + behind);
        assert.equal(jsonText(bytes, 1, end - 1) !== undefined, parses(bytes.subarray(1, end - 1)), text.slice(0, -1));
      }
  });

  it("finds bytes that are not UTF-8, and nesting of any depth", () => {
    for (const bytes of [Buffer.from([0x22, 0xc3, 0x22]), Buffer.from([0x22, 0xff, 0x22]), Buffer.from([0xff])])
      assert.equal(jsonText(bytes), undefined);
    assert.equal(jsonText(Buffer.from("[".repeat(100_000) + "]".repeat(100_000))), "line");
    assert.equal(jsonText(Buffer.from("[".repeat(100_000) + "]".repeat(99_999))), undefined);
  });
});
