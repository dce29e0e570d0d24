import assert from "node:assert/strict";
import { array, assert as check, boolean, constantFrom, property, string } from "fast-check";
import { csvFields } from "../../../nodes/lib/files/csv";
import { RowSplitter, type Row } from "../../../nodes/lib/files/rows";

const split = (bytes: Buffer, size: number, limit = 1_000_000, quoted = true): Row[] => {
  const splitter = new RowSplitter({ quoted, limit });
  const rows: Row[] = [];
  for (let at = 0; at < bytes.length; at += size) rows.push(...splitter.push(bytes.subarray(at, at + size)));
  return [...rows, ...splitter.end()];
};

const written = (rows: readonly (readonly string[])[], lineEnd: string, always: boolean): string =>
  rows
    .map((row) =>
      row.map((field) => (always || /[",\r\n]/u.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(","),
    )
    .map((row) => row + lineEnd)
    .join("");

describe("rows of a CSV file", () => {
  it("come back as they were written, in pieces of any size, with offsets and line numbers", () => {
    const field = string({ unit: constantFrom("a", '"', ",", "\n", "온", "1"), maxLength: 6 });
    check(
      property(
        array(array(field, { minLength: 2, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
        boolean(),
        (table, crlf) => {
          const bytes = Buffer.from(written(table, crlf ? "\r\n" : "\n", true));
          for (const size of [1, 3, 1_000]) {
            const rows = split(bytes, size);
            assert.deepEqual(
              rows.map((row) => csvFields(row.bytes.toString(), ",")),
              table,
            );
            let offset = 0;
            let line = 1;
            for (const row of rows) {
              assert.equal(row.offset, offset);
              assert.equal(row.line, line);
              assert.ok(bytes.subarray(offset).toString().startsWith(row.bytes.toString()));
              offset = row.next;
              line = row.nextLine;
            }
            assert.equal(offset, bytes.length);
          }
        },
      ),
    );
  });

  it("may lack the last line end", () => {
    const rows = split(Buffer.from("a,b\n1,2"), 2);
    assert.deepEqual(
      rows.map((row) => row.bytes.toString()),
      ["a,b", "1,2"],
    );
  });

  it("with a quote that is never closed cost one row, not the file", () => {
    const text = `a,b\n"open,1\n${"2,3\n".repeat(50)}`;
    const rows = split(Buffer.from(text), 16, 40);
    assert.match(rows[1]?.broken ?? "", /quotes are not closed/);
    assert.equal(rows[1]?.line, 2);
    assert.deepEqual(
      rows.slice(2).map((row) => row.bytes.toString()),
      Array.from({ length: 50 }, () => "2,3"),
    );
    assert.equal(rows.at(-1)?.line, 52);
  });

  it("with a quote open at the end of the file cost one row", () => {
    const rows = split(Buffer.from('a\n"open\n2\n3'), 100);
    assert.deepEqual(
      rows.map((row) => [row.bytes.toString(), row.broken !== undefined]),
      [
        ["a", false],
        ['"open', true],
        ["2", false],
        ["3", false],
      ],
    );
  });

  it("without any line end do not fill the memory: their beginning is kept, and the next row is read", () => {
    const splitter = new RowSplitter({ quoted: true, limit: 10_000 });
    const rows = splitter.push(Buffer.from("a\n"));
    for (let piece = 0; piece < 100; piece += 1) rows.push(...splitter.push(Buffer.alloc(5_000, "x")));
    rows.push(...splitter.push(Buffer.from("x\nb\nc")), ...splitter.end());
    assert.deepEqual(
      rows.map(({ bytes, offset, next, line, broken }) => [bytes.length, offset, next, line, broken !== undefined]),
      [
        [1, 0, 2, 1, false],
        [1_024, 2, 500_004, 2, true],
        [1, 500_004, 500_006, 3, false],
        [1, 500_006, 500_007, 4, false],
      ],
    );
  });

  it("of lines of JSON do not care for quotes", () => {
    const rows = split(Buffer.from('{"a":"\n{"b":1}\n'), 4, 1_000, false);
    assert.equal(rows.length, 2);
  });

  it("say which quote is wrong", () => {
    assert.throws(() => csvFields('a"b,c', ","), /column 1 has a quote inside/);
    assert.throws(() => csvFields('"a"b,c', ","), /"b" follows a closing quote/);
    assert.throws(() => csvFields('"a', ","), /not closed/);
    assert.deepEqual(csvFields('"a;""b""";;c', ";"), ['a;"b"', "", "c"]);
  });
});
