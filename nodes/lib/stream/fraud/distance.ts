/** Distances on the earth. */
import type { Place } from "./contract";

/** Mean radius R₁ of the earth in km (IUGG; Moritz 2000, Geodetic Reference System 1980). */
export const EARTH_RADIUS = 6371.0088;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/**
 * Great-circle distance in km by the haversine formula (Sinnott 1984, Virtues of the Haversine):
 * `2 R asin √(sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2))`. On the sphere, so up to 0.5 % from the ellipsoid.
 */
export function distance(a: Place, b: Place): number {
  const [from, to] = [radians(a.latitude), radians(b.latitude)];
  const acrossLatitude = Math.sin((to - from) / 2) ** 2;
  const acrossLongitude = Math.sin(radians(b.longitude - a.longitude) / 2) ** 2;
  const haversine = acrossLatitude + Math.cos(from) * Math.cos(to) * acrossLongitude;
  return 2 * EARTH_RADIUS * Math.asin(Math.min(1, Math.sqrt(haversine)));
}
