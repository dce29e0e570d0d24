/** The rules that a node's settings describe. */
import { ConfigError } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import { notNegative } from "../../lib/stream/duration";
import type { Rules, Velocity } from "../../lib/stream/fraud/contract";
import { transactionReader, type Lists } from "../../lib/stream/fraud/read";
import { timePattern, timeZone } from "../../lib/time-zone";
import type { declaration } from "./declaration";

export type Declared = Settings<(typeof declaration)["fields"]>;

/** Throws a ConfigError naming the setting, row and what to enter. */
export function rulesOf(settings: Declared): Rules {
  const { challengeFrom, blockFrom, learn, retain, attempts } = settings;
  const news = { warmUp: settings.noveltyWarmUp, familiar: settings.familiar };
  if (blockFrom < challengeFrom)
    throw new ConfigError(`Block from: ${blockFrom} is below Challenge from ${challengeFrom}; enter as much or more`);
  const velocity = settings.velocityOn ? settings.velocity : [];
  velocity.forEach((row, index) => checkWindow(row, index, attempts));
  const testing = testingOf(settings);
  const windows = [...velocity.map(({ seconds }) => seconds), testing?.seconds ?? 0];
  return {
    velocity,
    ...(settings.travelOn && {
      travel: { speed: settings.travelSpeed, distance: settings.travelDistance, points: settings.travelPoints },
    }),
    ...(settings.amountOn && {
      amount: {
        z: settings.amountZ,
        warmUp: settings.amountWarmUp,
        floor: settings.amountFloor,
        points: settings.amountPoints,
      },
    }),
    ...(settings.countryOn && { country: { ...news, points: settings.countryPoints } }),
    ...(settings.categoryOn && { category: { ...news, points: settings.categoryPoints } }),
    ...(testing && { testing }),
    ...nightOf(settings),
    unratedPoints: settings.unratedPoints,
    challengeFrom,
    blockFrom,
    learn,
    retain,
    attempts,
    memory: Math.max(
      ...windows.map((seconds) => seconds * 1000),
      notNegative(settings.feedbackWithin, "Feedback within"),
    ),
  };
}

/** A window counts what is remembered: it cannot find more than that. */
function checkWindow({ measure, limit }: Velocity, index: number, attempts: number): void {
  if (measure === "count" && limit > attempts)
    throw new ConfigError(
      `Velocity: row ${index + 1}: only ${attempts} attempts of a key are remembered, so there are never more than ${limit}; enter less, or more in Attempts of a key`,
    );
}

function testingOf(settings: Declared): Rules["testing"] {
  if (!settings.testingOn) return undefined;
  const { testingSmall: small, testingLarge: large, testingCount: count, attempts } = settings;
  if (small >= large)
    throw new ConfigError(`Card testing: Small ${small} is not below Large ${large}; every amount would be both`);
  if (count > attempts)
    throw new ConfigError(
      `Card testing: only ${attempts} attempts of a key are remembered, so there are never ${count} small ones; enter less, or more in Attempts of a key`,
    );
  return { small, count, large, seconds: settings.testingSeconds, points: settings.testingPoints };
}

function nightOf({ nightOn, nightFrom: from, nightTo: to, nightPoints: points, zone }: Declared): Pick<Rules, "night"> {
  if (!nightOn) return {};
  if (from === to) throw new ConfigError(`Night hours: they begin and end at ${from} h; enter two different hours`);
  const write = timePattern("HH", timeZone(zone, "Time zone"), "Time zone");
  return { night: { from, to, points, hourAt: (time) => Number(write(time)) } };
}

/** Throws a ConfigError naming the setting whose path cannot be read, or the currency that has two rates. */
export function readerOf(settings: Declared, lists: Lists): ReturnType<typeof transactionReader> {
  const rates = new Map<string, number>();
  settings.rates.forEach(({ code, rate }, index) => {
    const currency = code.trim();
    if (rates.has(currency)) throw new ConfigError(`Rates: row ${index + 1}: "${currency}" has two rows; keep one`);
    rates.set(currency, rate);
  });
  if (rates.size > 0 && settings.currency.trim() === "")
    throw new ConfigError("Currency: enter the path of the currency, or delete the rows in Rates");
  return transactionReader(settings, rates, lists);
}
