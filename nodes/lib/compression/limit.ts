/** How much may come of packed bytes: a few of them can stand for gigabytes. */

/** Thrown for bytes that hold more than `most`. */
export const tooLarge = (most: number): RangeError =>
  new RangeError(
    `it holds more than ${Math.floor(most / 1024 / 1024)} MB once it is unpacked, which is the most that is read`,
  );
