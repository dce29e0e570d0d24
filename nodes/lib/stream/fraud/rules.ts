/** What each rule says of a transaction, by what is known of its key before it. */
import { surprise } from "./amounts";
import { smallOnes, UNKNOWN, within } from "./attempts";
import type { KeyState, Known, Novelty, Reason, Rules, Transaction } from "./contract";
import { distance } from "./distance";
import { countOf } from "./known";

/** @returns nothing where the rule is silent */
type Rule = (rules: Rules, state: KeyState, transaction: Transaction) => readonly Reason[];

const NOTHING: readonly Reason[] = [];
const rounded = (value: number, decimals = 2): number => Number(value.toFixed(decimals));

/** Attempts of all kinds count, also blocked ones: who tries is what matters here. */
const velocity: Rule = ({ velocity: rows }, { attempts }, { time, amount }) =>
  rows.flatMap((row): readonly Reason[] => {
    if (row.measure === "sum" && amount === undefined) return NOTHING;
    const total = within(attempts, row, time, amount ?? UNKNOWN);
    if (total <= row.limit) return NOTHING;
    const { measure, seconds, limit, points } = row;
    return [{ rule: `velocity ${measure}`, points, evidence: { [measure]: rounded(total), seconds, limit } }];
  });

/** Between the newest learned place and this one; a late transaction is as far from it in time as one that follows. */
const travel: Rule = (rules, state, { time, place }) => {
  const rule = rules.travel;
  if (!rule || !place || !state.place) return NOTHING;
  const [when, latitude, longitude] = state.place;
  const km = distance({ latitude, longitude }, place);
  const seconds = Math.abs(time - when) / 1000;
  if (km < rule.distance || km * 3600 <= rule.speed * seconds) return NOTHING;
  const speed = seconds > 0 ? { speed: rounded((km * 3600) / seconds, 0) } : {};
  return [
    {
      rule: "impossible travel",
      points: rule.points,
      evidence: { km: rounded(km, 0), seconds: rounded(seconds, 0), ...speed, limit: rule.speed },
    },
  ];
};

const unusualAmount: Rule = (rules, { amounts }, { amount }) => {
  const rule = rules.amount;
  if (!rule || amount === undefined || amount < rule.floor || amounts[4] < rule.warmUp) return NOTHING;
  const { z, usual } = surprise(amounts, amount);
  if (z <= rule.z) return NOTHING;
  return [
    {
      rule: "unusual amount",
      points: rule.points,
      evidence: { amount, usual: rounded(usual), z: rounded(z), limit: rule.z },
    },
  ];
};

/** Until it was learned so often: the first payment of a thief abroad may pass, and must not make the next ones familiar. */
const isNews = (known: Known, name: string, { warmUp, familiar }: Novelty): boolean =>
  countOf(known, name) < familiar && Object.values(known).reduce((sum, [count]) => sum + count, 0) >= warmUp;

const newCountry: Rule = ({ country: rule }, { countries }, { country }) =>
  rule && country !== undefined && isNews(countries, country, rule)
    ? [{ rule: "new country", points: rule.points, evidence: { country, times: countOf(countries, country) + 1 } }]
    : NOTHING;

const newCategory: Rule = ({ category: rule }, { categories }, { category }) =>
  rule && category !== undefined && isNews(categories, category, rule)
    ? [{ rule: "new category", points: rule.points, evidence: { category, times: countOf(categories, category) + 1 } }]
    : NOTHING;

const cardTesting: Rule = ({ testing: rule }, { attempts }, { time, amount }) => {
  if (!rule || amount === undefined || amount < rule.large) return NOTHING;
  const { small, seconds, points } = rule;
  const count = smallOnes(attempts, small, seconds, time);
  return count < rule.count ? NOTHING : [{ rule: "card testing", points, evidence: { count, small, seconds, amount } }];
};

const night: Rule = ({ night: rule }, _state, { time }) => {
  if (!rule) return NOTHING;
  const { from, to, points } = rule;
  const hour = rule.hourAt(time);
  const isNight = from < to ? hour >= from && hour < to : hour >= from || hour < to;
  return isNight ? [{ rule: "night", points, evidence: { hour, from, to } }] : NOTHING;
};

const unknownCurrency: Rule = ({ unratedPoints: points }, _state, { unratedCurrency: currency }) =>
  currency === undefined ? NOTHING : [{ rule: "unknown currency", points, evidence: { currency } }];

const RULES: readonly Rule[] = [
  velocity,
  travel,
  unusualAmount,
  newCountry,
  newCategory,
  cardTesting,
  night,
  unknownCurrency,
];

/** What all rules say of it. */
export const reasonsFor: Rule = (rules, state, transaction) => RULES.flatMap((rule) => rule(rules, state, transaction));
