/** `mse` squared error, `mae` absolute error, `huber` squared up to 1 and absolute beyond. */
export type Loss = "mse" | "mae" | "huber";

/** Loss of an error (forecast − truth) and its slope. */
export function lossOf(loss: Loss, error: number): [value: number, slope: number] {
  if (loss === "mse") return [error * error, 2 * error];
  const size = Math.abs(error);
  if (loss === "mae") return [size, Math.sign(error)];
  return size <= 1 ? [0.5 * error * error, error] : [size - 0.5, Math.sign(error)];
}
