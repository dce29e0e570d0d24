/** Where, and on what, the customers of bench/fraud-data.ts spend. */
export interface City {
  readonly name: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
}

const city = (name: string, country: string, latitude: number, longitude: number): City => ({
  name,
  country,
  latitude,
  longitude,
});

export const CITIES: readonly City[] = [
  city("Seoul", "KR", 37.5665, 126.978),
  city("Busan", "KR", 35.1796, 129.0756),
  city("Incheon", "KR", 37.4563, 126.7052),
  city("Daegu", "KR", 35.8714, 128.6014),
  city("Daejeon", "KR", 36.3504, 127.3845),
  city("Gwangju", "KR", 35.1595, 126.8526),
  city("Jeju", "KR", 33.4996, 126.5312),
  city("Tokyo", "JP", 35.6762, 139.6503),
  city("Osaka", "JP", 34.6937, 135.5023),
  city("Beijing", "CN", 39.9042, 116.4074),
  city("Shanghai", "CN", 31.2304, 121.4737),
  city("Singapore", "SG", 1.3521, 103.8198),
  city("Bangkok", "TH", 13.7563, 100.5018),
  city("Sydney", "AU", -33.8688, 151.2093),
  city("Mumbai", "IN", 19.076, 72.8777),
  city("Dubai", "AE", 25.2048, 55.2708),
  city("Berlin", "DE", 52.52, 13.405),
  city("Paris", "FR", 48.8566, 2.3522),
  city("London", "GB", 51.5074, -0.1278),
  city("Lagos", "NG", 6.5244, 3.3792),
  city("Sao Paulo", "BR", -23.5505, -46.6333),
  city("New York", "US", 40.7128, -74.006),
  city("Los Angeles", "US", 34.0522, -118.2437),
  city("Mexico City", "MX", 19.4326, -99.1332),
];

export const CATEGORIES = [
  "groceries",
  "restaurant",
  "transit",
  "fuel",
  "clothes",
  "pharmacy",
  "books",
  "electronics",
  "travel",
  "jewellery",
  "games",
  "furniture",
] as const;
export type Category = (typeof CATEGORIES)[number];
