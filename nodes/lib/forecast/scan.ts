/**
 * Looks through the numbers of a window. Loops, because an array's own methods make an object of each number for the
 * function they call: at a thousand windows a second that is a tenth of all that is to be collected as garbage.
 */

/** Where the first is that is no finite number; −1 when there is none. */
export function findNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

/** Whether one of every `step`th of `values[from..to)` is missing, NaN. */
export function hasMissing(values: Float32Array, from = 0, to = values.length, step = 1): boolean {
  for (let i = from; i < to; i += step) if (Number.isNaN(values[i])) return true;
  return false;
}
