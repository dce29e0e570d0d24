export { ByteWriter, ParquetWriter } from "hyparquet-writer";
export { writeColumn } from "hyparquet-writer/src/column.js";
export { writePageHeader } from "hyparquet-writer/src/datapage.js";
export { encodeNestedValues } from "hyparquet-writer/src/dremel.js";
export { writeRleBitPackedHybrid } from "hyparquet-writer/src/encoding.js";
export { schemaPathResolver } from "hyparquet-writer/src/schema.js";
