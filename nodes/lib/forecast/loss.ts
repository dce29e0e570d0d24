/** `mse` squared error, `mae` absolute error, `huber` squared up to 1 and absolute beyond. */
export type Loss = "mse" | "mae" | "huber";

/** Loss of an error (forecast − truth) and its slope. */
export function lossOf(loss: Loss, error: number): [value: number, slope: number] {
  if (loss === "mse") return [error * error, 2 * error];
  const size = Math.abs(error);
  if (loss === "mae") return [size, Math.sign(error)];
  return size <= 1 ? [0.5 * error * error, error] : [size - 0.5, Math.sign(error)];
}

/**
 * Loss of an error (forecast − truth) whose mean is least at the quantile `q`, and its slope: the check function of
 * Koenker and Bassett, Regression Quantiles (Econometrica 46, 1978).
 * @param q between 0 and 1
 */
export function quantileLoss(q: number, error: number): [value: number, slope: number] {
  if (error === 0) return [0, 0];
  return error > 0 ? [(1 - q) * error, 1 - q] : [-q * error, -q];
}
