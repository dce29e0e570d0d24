import { madd } from "./tile";

/**
 * 2^y for |y| up to `limit`, beyond it 2^±limit. The integer part goes to the exponent by the usual trick of adding 1.5 · 2^23; the fraction in [−½, ½] goes
 * through a minimax polynomial of degree 5 (Remez; relative error 1.4e-7).
 */
// @ts-ignore: decorator
@inline
function exp2(y: v128, limit: f32): v128 {
  const magic = f32x4.splat(12582912.0);
  const clamped = f32x4.pmax(f32x4.pmin(y, f32x4.splat(limit)), f32x4.splat(-limit));
  const shifted = f32x4.add(clamped, magic);
  const f = f32x4.sub(clamped, f32x4.sub(shifted, magic));
  let p = madd(f, f32x4.splat(0.001331027247942984), f32x4.splat(0.009672376327216625));
  p = madd(f, p, f32x4.splat(0.05550583451986313));
  p = madd(f, p, f32x4.splat(0.24022182822227478));
  p = madd(f, p, f32x4.splat(0.6931470632553101));
  p = madd(f, p, f32x4.splat(1.0));
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1.0);
  return f32x4.div(one, f32x4.add(one, exp2(f32x4.mul(x, f32x4.splat(-1.4426950408889634)), 126.0)));
}

// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const one = f32x4.splat(1.0);
  const e = exp2(f32x4.mul(x, f32x4.splat(2.8853900817779268)), 126.0);
  return f32x4.sub(one, f32x4.div(f32x4.splat(2.0), f32x4.add(one, e)));
}

/** Beyond this many powers of two a gate is shut or open to single precision; three of them multiplied stay finite. */
const SHUT: f32 = 40.0;

/** e^−x, of which a sigmoid is 1 / (1 + e^−x). */
// @ts-ignore: decorator
@inline
export function sigmoidPower(x: v128): v128 {
  return exp2(f32x4.mul(x, f32x4.splat(-1.4426950408889634)), SHUT);
}

/** e^2x, of which a tanh is (e^2x − 1) / (e^2x + 1). */
// @ts-ignore: decorator
@inline
export function tanhPower(x: v128): v128 {
  return exp2(f32x4.mul(x, f32x4.splat(2.8853900817779268)), SHUT);
}
