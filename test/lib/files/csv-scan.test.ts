import assert from "node:assert/strict";
import { array, assert as check, boolean, constantFrom, integer, oneof, property, string } from "fast-check";
import { CsvScanner, PLAIN, QUOTED, cellText, type Cells } from "../../../nodes/lib/files/csv-scan";
import { timeReader } from "../../../nodes/lib/files/columns";
import { timeCell } from "../../../nodes/lib/files/time-cell";

interface Scanned {
  readonly header: string[];
  readonly rows: (string | null)[][];
  readonly lines: number[];
  readonly broken: (readonly [number, string])[];
}

/** Cells as texts; null: nothing between the separators. */
function scanned(bytes: Buffer, size: number, options: { limit?: number; columns?: number } = {}): Scanned {
  const found: Scanned = { header: [], rows: [], lines: [], broken: [] };
  const scanner = new CsvScanner(
    { separator: ",", ...options },
    {
      header: (names) => found.header.push(...names),
      row(cells, line) {
        found.rows.push(
          Array.from({ length: options.columns ?? found.header.length }, (_, cell) =>
            cells.kinds[cell] === PLAIN && cells.starts[cell] === cells.ends[cell] ? null : cellText(cells, cell),
          ),
        );
        found.lines.push(line);
      },
      broken: (...broken) => found.broken.push(broken),
    },
  );
  for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size));
  scanner.end();
  return found;
}

const quotedField = (field: string, always: boolean): string =>
  always || /[",\r\n]/u.test(field) ? `"${field.replaceAll('"', '""')}"` : field;

describe("the CSV scanner", () => {
  it("finds every cell of what was written, in pieces of any size", () => {
    const field = string({ unit: constantFrom("a", '"', ",", "\n", "\r", "온", "1"), maxLength: 6 });
    check(
      property(
        array(array(field, { minLength: 3, maxLength: 3 }), { maxLength: 8 }),
        boolean(),
        boolean(),
        boolean(),
        (table, crlf, always, closed) => {
          const end = crlf ? "\r\n" : "\n";
          const lines = [["x", "y", "z"], ...table].map((row) => row.map((one) => quotedField(one, always)).join(","));
          const bytes = Buffer.from(lines.join(end) + (closed ? end : ""));
          for (const size of [1, 2, 7, 10_000]) {
            const { header, rows, broken } = scanned(bytes, size);
            assert.deepEqual(header, ["x", "y", "z"]);
            assert.deepEqual(broken, []);
            assert.deepEqual(
              rows,
              table.map((row) => row.map((one) => (one === "" && !always ? null : one))),
            );
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("knows a byte order mark, empty lines, and the line a row begins at", () => {
    for (const size of [1, 100]) {
      const { header, rows, lines } = scanned(Buffer.from('\uFEFFx,y\n1,"a\nb"\n\r\n\n2,c'), size);
      assert.deepEqual(header, ["x", "y"]);
      assert.deepEqual(rows, [
        ["1", "a\nb"],
        ["2", "c"],
      ]);
      assert.deepEqual(lines, [2, 6]);
    }
  });

  it("is strict about quotes and columns: such a row is told with its line, and costs no other", () => {
    const text = 'x,y\n1,2\n3,"a"b\n4,c"d"\n5\n6,7,8\n9,10\n11,"never closed\n12,13\n14,15\n';
    for (const size of [1, 5, 1_000]) {
      const { rows, broken } = scanned(Buffer.from(text), size);
      assert.deepEqual(rows, [
        ["1", "2"],
        ["9", "10"],
        ["12", "13"],
        ["14", "15"],
      ]);
      assert.deepEqual(broken, [
        [3, "something follows the closing quote of column 2"],
        [4, "column 2 has a quote inside, but does not begin with one"],
        [5, "it has 1 columns where 2 are expected"],
        [6, "it has 3 columns where 2 are expected"],
        [8, "its quotes are not closed within the file"],
      ]);
    }
  });

  it("gives up a row beyond its limit and goes on behind it, in bounded memory", () => {
    const text = `x,y\n1,"${"a".repeat(300)}\n2,b\n3,${"c".repeat(500)}\n4,d\n`;
    for (const size of [1, 50, 10_000]) {
      const { rows, broken } = scanned(Buffer.from(text), size, { limit: 100 });
      assert.ok(rows.some(([first]) => first === "2") && rows.some(([first]) => first === "4"), JSON.stringify(rows));
      assert.equal(broken[0]?.[0], 2);
    }
  });

  it("reads times as file-in does, also those it has a short cut for", () => {
    const texts = oneof(
      integer({ min: -1e12, max: 4e12 }).map((time) => new Date(time).toISOString().slice(0, 19)),
      integer({ min: 0, max: 4e12 }).map((time) => new Date(time).toISOString().replace("T", " ").slice(0, 19)),
      integer({ min: 0, max: 4e12 }).map((time) => new Date(time).toISOString()),
      integer({ min: 0, max: 4e12 }).map((time) => `${new Date(time).toISOString().slice(0, 19)}Z`),
      integer({ min: 0, max: 2e12 }).map(String),
      constantFrom("2021-02-30 00:00:00", "2021-02-28 24:00:00", "2021-13-01 00:00:00", "2021-01-01 00:60:00"),
      constantFrom("", "yesterday", "2021-01-01", "2021-1-1 00:00:00", "20x1-01-01 00:00:00", "2021-01-01 00:00:0x"),
      string({ maxLength: 20, unit: constantFrom("0", "1", "-", ":", " ", "T", "Z", ".") }),
    );
    const cells = (text: string): Cells => {
      const bytes = Buffer.from(text);
      return { bytes, starts: Int32Array.of(0), ends: Int32Array.of(bytes.length), kinds: Uint8Array.of(QUOTED) };
    };
    check(
      property(texts, constantFrom("+00:00", "+09:00"), (text, offset) => {
        let expected = NaN;
        try {
          expected = timeReader(["t"], offset)?.({ t: text }) ?? NaN;
        } catch {
          // no time
        }
        const found = timeCell(offset)(cells(text), 0);
        // a day or hour that no calendar has is no time here
        if (Number.isNaN(found) && /02-30|24:00/u.test(text)) return;
        assert.equal(found, expected, text);
      }),
      { numRuns: 2_000 },
    );
  });
});
