/**
 * The products everything else is made of. Eight columns of a packed matrix lie side by side ("panel"), so that a
 * tile of four rows by eight columns stays in registers while the inner dimension runs. Each sum runs in order of the
 * inner dimension, whatever the number of rows: one window and a thousand give the same bits.
 *
 * All addresses and strides are in bytes.
 */

/** `a · b + c`; one rounding where the build has relaxed SIMD, two where it has not. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** `z[r][0..8) += Σ_k a[r][k] · b[k][0..8)` for four rows of `a`. */
export function tile4(a: usize, aRow: usize, count: i32, b: usize, bStep: usize, z: usize, zRow: usize): void {
  let a1 = a + aRow;
  let a2 = a1 + aRow;
  let a3 = a2 + aRow;
  const z1 = z + zRow;
  const z2 = z1 + zRow;
  const z3 = z2 + zRow;
  let s00 = v128.load(z);
  let s01 = v128.load(z, 16);
  let s10 = v128.load(z1);
  let s11 = v128.load(z1, 16);
  let s20 = v128.load(z2);
  let s21 = v128.load(z2, 16);
  let s30 = v128.load(z3);
  let s31 = v128.load(z3, 16);
  let k = count;
  while (k >= 2) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let v = v128.load32_splat(a);
    s00 = madd(v, b0, s00);
    s01 = madd(v, b1, s01);
    v = v128.load32_splat(a1);
    s10 = madd(v, b0, s10);
    s11 = madd(v, b1, s11);
    v = v128.load32_splat(a2);
    s20 = madd(v, b0, s20);
    s21 = madd(v, b1, s21);
    v = v128.load32_splat(a3);
    s30 = madd(v, b0, s30);
    s31 = madd(v, b1, s31);
    b += bStep;
    b0 = v128.load(b);
    b1 = v128.load(b, 16);
    v = v128.load32_splat(a, 4);
    s00 = madd(v, b0, s00);
    s01 = madd(v, b1, s01);
    v = v128.load32_splat(a1, 4);
    s10 = madd(v, b0, s10);
    s11 = madd(v, b1, s11);
    v = v128.load32_splat(a2, 4);
    s20 = madd(v, b0, s20);
    s21 = madd(v, b1, s21);
    v = v128.load32_splat(a3, 4);
    s30 = madd(v, b0, s30);
    s31 = madd(v, b1, s31);
    b += bStep;
    a += 8;
    a1 += 8;
    a2 += 8;
    a3 += 8;
    k -= 2;
  }
  if (k) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let v = v128.load32_splat(a);
    s00 = madd(v, b0, s00);
    s01 = madd(v, b1, s01);
    v = v128.load32_splat(a1);
    s10 = madd(v, b0, s10);
    s11 = madd(v, b1, s11);
    v = v128.load32_splat(a2);
    s20 = madd(v, b0, s20);
    s21 = madd(v, b1, s21);
    v = v128.load32_splat(a3);
    s30 = madd(v, b0, s30);
    s31 = madd(v, b1, s31);
  }
  v128.store(z, s00);
  v128.store(z, s01, 16);
  v128.store(z1, s10);
  v128.store(z1, s11, 16);
  v128.store(z2, s20);
  v128.store(z2, s21, 16);
  v128.store(z3, s30);
  v128.store(z3, s31, 16);
}

/** The same for one row. */
export function tile1(a: usize, count: i32, b: usize, bStep: usize, z: usize): void {
  let s0 = v128.load(z);
  let s1 = v128.load(z, 16);
  for (let k = 0; k < count; k++) {
    const v = v128.load32_splat(a);
    s0 = madd(v, v128.load(b), s0);
    s1 = madd(v, v128.load(b, 16), s1);
    a += 4;
    b += bStep;
  }
  v128.store(z, s0);
  v128.store(z, s1, 16);
}

/** One row by 32 columns: all four gates of eight units, so that one window alone fills the pipeline too. */
export function row32(a: usize, count: i32, b: usize, z: usize): void {
  let s0 = v128.load(z);
  let s1 = v128.load(z, 16);
  let s2 = v128.load(z, 32);
  let s3 = v128.load(z, 48);
  let s4 = v128.load(z, 64);
  let s5 = v128.load(z, 80);
  let s6 = v128.load(z, 96);
  let s7 = v128.load(z, 112);
  let k = count;
  while (k >= 2) {
    let v = v128.load32_splat(a);
    s0 = madd(v, v128.load(b), s0);
    s1 = madd(v, v128.load(b, 16), s1);
    s2 = madd(v, v128.load(b, 32), s2);
    s3 = madd(v, v128.load(b, 48), s3);
    s4 = madd(v, v128.load(b, 64), s4);
    s5 = madd(v, v128.load(b, 80), s5);
    s6 = madd(v, v128.load(b, 96), s6);
    s7 = madd(v, v128.load(b, 112), s7);
    v = v128.load32_splat(a, 4);
    s0 = madd(v, v128.load(b, 128), s0);
    s1 = madd(v, v128.load(b, 144), s1);
    s2 = madd(v, v128.load(b, 160), s2);
    s3 = madd(v, v128.load(b, 176), s3);
    s4 = madd(v, v128.load(b, 192), s4);
    s5 = madd(v, v128.load(b, 208), s5);
    s6 = madd(v, v128.load(b, 224), s6);
    s7 = madd(v, v128.load(b, 240), s7);
    a += 8;
    b += 256;
    k -= 2;
  }
  if (k) {
    const v = v128.load32_splat(a);
    s0 = madd(v, v128.load(b), s0);
    s1 = madd(v, v128.load(b, 16), s1);
    s2 = madd(v, v128.load(b, 32), s2);
    s3 = madd(v, v128.load(b, 48), s3);
    s4 = madd(v, v128.load(b, 64), s4);
    s5 = madd(v, v128.load(b, 80), s5);
    s6 = madd(v, v128.load(b, 96), s6);
    s7 = madd(v, v128.load(b, 112), s7);
  }
  v128.store(z, s0);
  v128.store(z, s1, 16);
  v128.store(z, s2, 32);
  v128.store(z, s3, 48);
  v128.store(z, s4, 64);
  v128.store(z, s5, 80);
  v128.store(z, s6, 96);
  v128.store(z, s7, 112);
}

/** `out[k][0..8) += Σ_r x[r][k] · d[r][0..8)` for four columns `k` of `x`: the gradient of a weight tile. */
function outer4(x: usize, xRow: usize, d: usize, dRow: usize, rows: i32, out: usize, outRow: usize): void {
  const o1 = out + outRow;
  const o2 = o1 + outRow;
  const o3 = o2 + outRow;
  let s00 = v128.load(out);
  let s01 = v128.load(out, 16);
  let s10 = v128.load(o1);
  let s11 = v128.load(o1, 16);
  let s20 = v128.load(o2);
  let s21 = v128.load(o2, 16);
  let s30 = v128.load(o3);
  let s31 = v128.load(o3, 16);
  for (let r = 0; r < rows; r++) {
    const d0 = v128.load(d);
    const d1 = v128.load(d, 16);
    let v = v128.load32_splat(x);
    s00 = madd(v, d0, s00);
    s01 = madd(v, d1, s01);
    v = v128.load32_splat(x, 4);
    s10 = madd(v, d0, s10);
    s11 = madd(v, d1, s11);
    v = v128.load32_splat(x, 8);
    s20 = madd(v, d0, s20);
    s21 = madd(v, d1, s21);
    v = v128.load32_splat(x, 12);
    s30 = madd(v, d0, s30);
    s31 = madd(v, d1, s31);
    x += xRow;
    d += dRow;
  }
  v128.store(out, s00);
  v128.store(out, s01, 16);
  v128.store(o1, s10);
  v128.store(o1, s11, 16);
  v128.store(o2, s20);
  v128.store(o2, s21, 16);
  v128.store(o3, s30);
  v128.store(o3, s31, 16);
}

function outer1(x: usize, xRow: usize, d: usize, dRow: usize, rows: i32, out: usize): void {
  let s0 = v128.load(out);
  let s1 = v128.load(out, 16);
  for (let r = 0; r < rows; r++) {
    const v = v128.load32_splat(x);
    s0 = madd(v, v128.load(d), s0);
    s1 = madd(v, v128.load(d, 16), s1);
    x += xRow;
    d += dRow;
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
}

/** The gradient of `columns` rows of one eight-wide panel. */
export function outer(
  x: usize, xRow: usize, columns: i32, d: usize, dRow: usize, rows: i32, out: usize, outRow: usize,
): void {
  let k = 0;
  for (; k + 4 <= columns; k += 4) outer4(x + k * 4, xRow, d, dRow, rows, out + k * outRow, outRow);
  for (; k < columns; k++) outer1(x + k * 4, xRow, d, dRow, rows, out + k * outRow);
}

/** `z[r][0..8) += Σ_k a[r][k] · b[k][0..8)` for any number of rows. */
export function tiles(
  a: usize, aRow: usize, count: i32, b: usize, bStep: usize, z: usize, zRow: usize, rows: i32,
): void {
  let r = 0;
  for (; r + 4 <= rows; r += 4) tile4(a + r * aRow, aRow, count, b, bStep, z + r * zRow, zRow);
  for (; r < rows; r++) tile1(a + r * aRow, count, b, bStep, z + r * zRow);
}
