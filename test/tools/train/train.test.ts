import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { readStations } from "../../../tools/train/readings";

const HEAD = "No,year,month,day,hour,PM2.5,wd,station";

describe("training data", () => {
  let folder = "";
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "citystream-readings-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("are read from CSV files, gzipped or not, with wind as degrees and short gaps filled", () => {
    const lines = ["1,2013,3,1,0,9,NNW,X", "2,2013,3,1,1,NA,N,X", "3,2013,3,1,2,NA,NA,X"];
    writeFileSync(path.join(folder, "a.csv.gz"), gzipSync([HEAD, ...lines].join("\n")));
    writeFileSync(path.join(folder, "b.csv"), [HEAD, ...lines].join("\r\n"));
    const [a, b] = readStations(folder, ["PM2.5", "wd"], 1, 480);
    assert.deepEqual(a?.rows, b?.rows);
    assert.deepEqual([...(a?.rows ?? [])], [9, 337.5, 9, 0, Number.NaN, 0]);
    assert.deepEqual([...(a?.truth ?? [])].slice(2, 4), [Number.NaN, 0]);
    assert.equal(a?.start, Date.UTC(2013, 1, 28, 16));
  });

  it("are refused when an hour or a column is missing", () => {
    writeFileSync(path.join(folder, "a.csv"), [HEAD, "1,2013,3,1,0,9,N,X", "2,2013,3,1,2,9,N,X"].join("\n"));
    assert.throws(() => readStations(folder, ["PM2.5"], 1, 0), /a\.csv: line 3 is not one hour after/);
    assert.throws(() => readStations(folder, ["PM10"], 1, 0), /a\.csv has no column "PM10"/);
  });
});
