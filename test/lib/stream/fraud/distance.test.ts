import assert from "node:assert/strict";
import * as fc from "fast-check";
import { distance, EARTH_RADIUS } from "../../../../nodes/lib/stream/fraud/distance";

const place = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});

const SEOUL = { latitude: 37.5665, longitude: 126.978 };
const BUSAN = { latitude: 35.1796, longitude: 129.0756 };
const TOKYO = { latitude: 35.6762, longitude: 139.6503 };
const NEW_YORK = { latitude: 40.7128, longitude: -74.006 };
const LONDON = { latitude: 51.5074, longitude: -0.1278 };
const SYDNEY = { latitude: -33.8688, longitude: 151.2093 };
const SAO_PAULO = { latitude: -23.5505, longitude: -46.6333 };

describe("great-circle distance", () => {
  // Geodesics on the ellipsoid WGS 84 by Vincenty (1975), in km: another method than the one tested.
  for (const [what, a, b, km] of [
    ["Seoul and Busan", SEOUL, BUSAN, 324.9],
    ["Seoul and Tokyo", SEOUL, TOKYO, 1151.9],
    ["London and New York, over the zero meridian", LONDON, NEW_YORK, 5585.2],
    ["Sydney and Sao Paulo, over the date line", SYDNEY, SAO_PAULO, 13_376.6],
  ] as const) {
    it(`is that between ${what} within half a per cent`, () => {
      const found = distance(a, b);
      assert.ok(Math.abs(found - km) / km < 0.005, `${found} km`);
    });
  }

  it("is the same in both directions, 0 to the place itself, and at most half around the earth", () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const there = distance(a, b);
        assert.ok(Math.abs(there - distance(b, a)) < 1e-6);
        assert.ok(there >= 0 && there <= Math.PI * EARTH_RADIUS + 1e-6);
        assert.ok(distance(a, a) < 1e-6);
      }),
    );
  });

  it("is no longer than a way by a third place", () => {
    fc.assert(
      fc.property(place, place, place, (a, b, c) =>
        assert.ok(distance(a, c) <= distance(a, b) + distance(b, c) + 1e-3),
      ),
    );
  });
});
