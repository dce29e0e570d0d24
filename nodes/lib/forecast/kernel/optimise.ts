/**
 * Rows `first … first + count` of packed weights ([block][total][width]) turned over:
 * [panel of 8 rows][block · width + column][8], rows past the end zero.
 */
export function packTransposed(
  weights: usize, total: i32, width: i32, blocks: i32, first: i32, count: i32, out: usize,
): void {
  const columns = blocks * width;
  for (let p = 0; p * 8 < count; p++) {
    for (let block = 0; block < blocks; block++) {
      for (let column = 0; column < width; column++) {
        for (let i = 0; i < 8; i++) {
          const k = p * 8 + i;
          const from = weights + (((block * total + first + k) * width + column) << 2);
          store<f32>(out + (((p * columns + block * width + column) * 8 + i) << 2), k < count ? load<f32>(from) : 0);
        }
      }
    }
  }
}

/** One step of Adam (Kingma and Ba 2015, algorithm 1); `rate` carries the bias corrections, `epsilon` too. */
export function adam(
  p: usize, g: usize, m: usize, v: usize, count: i32, rate: f32, beta1: f32, beta2: f32, epsilon: f32,
): void {
  const b1 = f32x4.splat(beta1);
  const b2 = f32x4.splat(beta2);
  const c1 = f32x4.splat(<f32>1 - beta1);
  const c2 = f32x4.splat(<f32>1 - beta2);
  const step = f32x4.splat(rate);
  const eps = f32x4.splat(epsilon);
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const d = v128.load(g + at);
    const first = f32x4.add(f32x4.mul(b1, v128.load(m + at)), f32x4.mul(c1, d));
    const second = f32x4.add(f32x4.mul(b2, v128.load(v + at)), f32x4.mul(c2, f32x4.mul(d, d)));
    v128.store(m + at, first);
    v128.store(v + at, second);
    const change = f32x4.div(f32x4.mul(step, first), f32x4.add(f32x4.sqrt(second), eps));
    v128.store(p + at, f32x4.sub(v128.load(p + at), change));
  }
}

/** Sum of squares, by four lanes that are added at the end. */
export function sumOfSquares(p: usize, count: i32): f32 {
  let sum = f32x4.splat(0);
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const v = v128.load(p + at);
    sum = f32x4.add(sum, f32x4.mul(v, v));
  }
  return (
    f32x4.extract_lane(sum, 0) +
    f32x4.extract_lane(sum, 1) +
    (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
  );
}

/** `to += from · factor` */
export function addScaled(to: usize, from: usize, count: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    v128.store(to + at, f32x4.add(v128.load(to + at), f32x4.mul(v128.load(from + at), f)));
  }
}

/** `to = a · b`, element by element */
export function multiply(to: usize, a: usize, b: usize, count: i32): void {
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    v128.store(to + at, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  }
}

/** Fills with 0 at `rate`, else 1 / (1 − rate), from xorshift32; returns the generator's next state. */
export function dropoutMask(to: usize, count: i32, rate: f32, state: u32): u32 {
  const kept: f32 = <f32>1 / (<f32>1 - rate);
  const threshold = <u32>(<f64>rate * 4294967296.0);
  for (let at: usize = 0; at < (<usize>count) << 2; at += 4) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    store<f32>(to + at, state < threshold ? 0 : kept);
  }
  return state;
}
