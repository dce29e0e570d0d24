/**
 * Bytes that are not what their format says; trying again helps only once they are others. The message goes on after the
 * name of the file: "ends in the middle of its gzip data, after byte 512".
 */
export class Damaged extends Error {
  override readonly name = "Damaged";
}
