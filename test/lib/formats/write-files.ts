/** Writes records with a format as the lake's writer does, and says what the files are. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { RecordFormat } from "../../../nodes/lib/formats/record-format";

export interface WrittenFile {
  readonly file: string;
  readonly records: number;
  readonly bytes: number;
}

/** A new file begins where the format says that one can't take a record. */
export async function writeFiles(
  format: RecordFormat,
  records: Iterable<unknown>,
  folder: string,
): Promise<WrittenFile[]> {
  const files: WrittenFile[] = [];
  let encoder = format.begin();
  let count = 0;
  const finish = async (): Promise<void> => {
    const bytes = Buffer.concat(await encoder.content());
    const file = path.join(folder, `${files.length}${format.extension}`);
    writeFileSync(file, bytes);
    files.push({ file, records: count, bytes: bytes.length });
    count = 0;
  };
  for (const record of records) {
    if (encoder.add(record) === undefined) {
      await finish();
      encoder = format.begin();
      encoder.add(record);
    }
    count++;
  }
  await finish();
  return files;
}
