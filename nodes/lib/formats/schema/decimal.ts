/** Decimals: an integer and the place of its point. */

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * The unscaled value of a number, a bigint (whole units) or digits: 12.5 with scale 2 is 1250n.
 * @returns undefined for what is no number, or has more digits than the precision or the scale allow: nothing is rounded
 */
export function decimalOf(value: unknown, precision: number, scale: number): bigint | undefined {
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "string") return undefined;
  const found = pattern.exec(String(value).trim());
  if (!found) return undefined;
  const [, sign, whole = "", part = "", exponent = "0"] = found;
  if (whole === "" && part === "") return undefined;
  const digits = whole + part;
  const shift = scale + Number(exponent) - part.length;
  const cut = shift < 0 ? digits.slice(shift) : "";
  if (/[1-9]/.test(cut)) return undefined;
  const kept = shift < 0 ? digits.slice(0, shift) || "0" : digits + "0".repeat(shift);
  const unscaled = BigInt(kept);
  if (unscaled >= 10n ** BigInt(precision)) return undefined;
  return sign === "-" ? -unscaled : unscaled;
}

/**
 * Two's complement, big end first, as Avro and Parquet keep decimals.
 * @param size bytes; undefined: as few as it takes
 */
export function decimalBytes(unscaled: bigint, size?: number): Buffer {
  let length = size ?? 1;
  if (size === undefined) while (BigInt.asIntN(length * 8, unscaled) !== unscaled) length++;
  const hex = BigInt.asUintN(length * 8, unscaled)
    .toString(16)
    .padStart(length * 2, "0");
  return Buffer.from(hex, "hex");
}
