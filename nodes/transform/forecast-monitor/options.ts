import { ConfigError } from "../../lib/errors";
import type { Settings } from "../../lib/fields";
import type { MonitorOptions } from "../../lib/forecast/monitor/monitor";
import type { declaration } from "./declaration";

/** What the settings mean. @throws ConfigError naming the setting and what to enter */
export function optionsOf(settings: Settings<(typeof declaration)["fields"]>): MonitorOptions {
  const { window, least, factor, reference, skill, band, sigmas, again, late, points, judged } = settings;
  if (least > window)
    throw new ConfigError(
      `Judged from (steps): ${least} is more than the window of ${window} steps; enter at most that`,
    );
  return {
    rules: { window, least, factor, reference, skill, band: band / 100, sigmas },
    again,
    late,
    points,
    each: judged === "each",
  };
}
