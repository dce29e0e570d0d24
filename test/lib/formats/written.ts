/** Files of a format in a new folder that is removed when the tests end. */
import type { RecordFormat } from "../../../nodes/lib/formats/record-format";
import { temporaryFolder } from "../lake/stores";
import { writeFiles, type WrittenFile } from "./write-files";

export const written = (format: RecordFormat, records: Iterable<unknown>): Promise<WrittenFile[]> =>
  writeFiles(format, records, temporaryFolder());
