/** The settings of each rule: on or off, its parameters, its points. */
import { choice, flag, number, rows, text } from "../../lib/fields";

type Condition = { readonly field: string; readonly is: readonly boolean[] };
const isOn = (field: string): Condition => ({ field, is: [true] });
const velocityIsOn = isOn("velocityOn");
const travelIsOn = isOn("travelOn");
const amountIsOn = isOn("amountOn");
const countryIsOn = isOn("countryOn");
const categoryIsOn = isOn("categoryOn");
const testingIsOn = isOn("testingOn");
const nightIsOn = isOn("nightOn");

const points = (value: number, section: string, showIf: Condition) =>
  number({ label: "Points", default: value, min: 0, max: 1e6, section, showIf });

export const ruleFields = {
  velocityOn: flag({ label: "Velocity", default: true, section: "velocity" }),
  velocity: rows({
    label: "Windows",
    section: "velocity",
    showIf: velocityIsOn,
    min: 1,
    columns: {
      measure: choice({ label: "Of", default: "count", options: { count: "count", sum: "sum" } }),
      seconds: number({ label: "Within (s)", default: 60, min: 0.001, max: 31_622_400 }),
      limit: number({ label: "More than", default: 3, min: 0 }),
      points: number({ label: "Points", default: 40, min: 0, max: 1e6 }),
    },
    default: [
      { measure: "count", seconds: 60, limit: 3, points: 40 },
      { measure: "count", seconds: 600, limit: 4, points: 40 },
      { measure: "count", seconds: 3600, limit: 6, points: 40 },
      { measure: "sum", seconds: 86_400, limit: 3000, points: 40 },
    ],
    hint: "Sliding windows by key: the number of transactions, or the sum of their amounts, with the one at hand.",
  }),
  travelOn: flag({ label: "Impossible travel", default: true, section: "travel" }),
  travelSpeed: number({
    label: "Faster than (km/h)",
    default: 900,
    min: 1,
    max: 1e6,
    section: "travel",
    showIf: travelIsOn,
    hint: "Great-circle distance from the last place over the time between.",
  }),
  travelDistance: number({
    label: "From (km)",
    default: 100,
    min: 0,
    max: 20_100,
    section: "travel",
    showIf: travelIsOn,
    hint: "Shorter distances are not judged: places are not exact.",
  }),
  travelPoints: points(60, "travel", travelIsOn),
  amountOn: flag({ label: "Unusual amount", default: true, section: "amount" }),
  amountZ: number({
    label: "Deviations",
    default: 3.5,
    min: 0,
    max: 100,
    section: "amount",
    showIf: amountIsOn,
    hint: "Standard deviations above the customer's own mean, of the logarithm of amounts.",
  }),
  amountWarmUp: number({
    label: "Warm-up",
    default: 10,
    min: 2,
    max: 1e6,
    integer: true,
    section: "amount",
    showIf: amountIsOn,
    hint: "Transactions that are learned before any is judged.",
  }),
  amountFloor: number({
    label: "Floor",
    default: 100,
    min: 0,
    section: "amount",
    showIf: amountIsOn,
    hint: "Smaller amounts are not judged.",
  }),
  amountPoints: points(50, "amount", amountIsOn),
  retain: number({
    label: "Retain",
    default: 0.98,
    min: 0.5,
    max: 1,
    section: "amount",
    showIf: amountIsOn,
    hint: "Weight that older amounts keep with each further one. 0.98: those of the last 50 count most. 1: all alike.",
  }),
  countryOn: flag({ label: "New country", default: true, section: "novelty" }),
  countryPoints: points(30, "novelty", countryIsOn),
  categoryOn: flag({ label: "New category", default: true, section: "novelty" }),
  categoryPoints: points(10, "novelty", categoryIsOn),
  noveltyWarmUp: number({
    label: "Warm-up",
    default: 10,
    min: 1,
    max: 1e6,
    integer: true,
    section: "novelty",
    hint: "Transactions that are learned before a country or category is news.",
  }),
  familiar: number({
    label: "Familiar after",
    default: 3,
    min: 1,
    max: 1e6,
    integer: true,
    section: "novelty",
    hint: "Learned transactions after which a country or category is no news any more.",
  }),
  testingOn: flag({ label: "Card testing", default: true, section: "testing" }),
  testingSmall: number({
    label: "Small: up to",
    default: 2,
    min: 0,
    section: "testing",
    showIf: testingIsOn,
  }),
  testingCount: number({
    label: "Small ones",
    default: 3,
    min: 1,
    max: 1000,
    integer: true,
    section: "testing",
    showIf: testingIsOn,
  }),
  testingSeconds: number({
    label: "Within (s)",
    default: 3600,
    min: 0.001,
    max: 31_622_400,
    section: "testing",
    showIf: testingIsOn,
  }),
  testingLarge: number({
    label: "Large: from",
    default: 100,
    min: 0,
    section: "testing",
    showIf: testingIsOn,
    hint: "So many small amounts within the time, then a large one.",
  }),
  testingPoints: points(80, "testing", testingIsOn),
  nightOn: flag({ label: "Night hours", default: false, section: "night" }),
  nightFrom: number({
    label: "From hour",
    default: 1,
    min: 0,
    max: 23,
    integer: true,
    section: "night",
    showIf: nightIsOn,
  }),
  nightTo: number({
    label: "Until hour",
    default: 5,
    min: 0,
    max: 24,
    integer: true,
    section: "night",
    showIf: nightIsOn,
  }),
  zone: text({
    label: "Time zone",
    placeholder: "UTC",
    section: "night",
    showIf: nightIsOn,
    hint: "Asia/Seoul, UTC or +09:00",
  }),
  nightPoints: points(10, "night", nightIsOn),
};
