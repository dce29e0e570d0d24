/** What the editor's view of forecasts asks for: scores by target and horizon, and the last forecasts of a series. */
import type { NodeAPI } from "node-red";
import { messageOf } from "../../lib/errors";
import type { Monitor, MonitorOptions } from "../../lib/forecast/monitor/monitor";
import { judgedSteps } from "../../lib/forecast/monitor/rules";
import type { ModelScores } from "../../lib/forecast/monitor/scores";
import type { Track } from "../../lib/forecast/monitor/track";
import { figuresOf } from "../../lib/forecast/monitor/window";
import { serveNode } from "../../lib/served-nodes";

interface Served {
  readonly monitor: Monitor;
  readonly state: { readonly ready: Promise<void> | undefined };
  readonly options: MonitorOptions;
}
interface Request {
  readonly params: { readonly node: string };
  readonly query: Readonly<Record<string, unknown>>;
}
interface Response {
  status(code: number): Response;
  json(body: unknown): void;
}

/** Serves a node's scores to the editor; call the result when it closes. */
export function serveMonitor(RED: NodeAPI, id: string, served: Served): () => void {
  return serveNode(RED, "forecastMonitors", id, served, route);
}

function route({ httpAdmin, auth }: NodeAPI, monitors: ReadonlyMap<string, Served>): void {
  const reads = auth.needsPermission("citystream.read");
  httpAdmin.get("/citystream/forecast-monitor/:node", reads, (request: unknown, response: unknown) => {
    const { params, query } = request as Request;
    const answer = response as Response;
    const served = monitors.get(params.node);
    if (!served) answer.status(404).json({ error: "notDeployed" });
    else if (served.state.ready) answer.status(503).json({ error: "restoring" });
    else {
      try {
        answer.json(shownOf(served, typeof query["key"] === "string" ? query["key"] : undefined));
      } catch (error) {
        answer.status(503).json({ error: messageOf(error) });
      }
    }
  });
}

/** @param asked the key to show; the first one unless it is known */
function shownOf({ monitor, options }: Served, asked: string | undefined): object {
  const keys = [...monitor.keys()].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const key = asked !== undefined && keys.includes(asked) ? asked : keys[0];
  if (key === undefined) return { keys, models: [], tracks: [] };
  const { window, least } = options.rules;
  return {
    keys,
    key,
    window,
    least,
    models: monitor.models(key).map((model) => shownScores(model, options)),
    tracks: monitor.tracks(key).map(shownTrack),
  };
}

const shownScores = ({ model, version, step, series, drift }: ModelScores, { rules }: MonitorOptions): object => ({
  model,
  version,
  since: drift && drift.since * step,
  series: series.map((one) => ({
    target: one.target,
    horizon: one.horizon,
    failing: one.failing,
    steps: judgedSteps(one, rules),
    figures: figuresOf(one.blocks, one.nominal) ?? null,
  })),
});

/** Times in ms: those that came true or were missed, and those still to come. */
const shownTrack = ({ model, version, step, series }: Track): object => ({
  model,
  version,
  series: series.map(({ target, horizon, nominal, past, pending }) => ({
    target,
    horizon,
    nominal,
    points: [
      ...past.map(([due, ...rest]) => [due * step, ...rest]),
      ...pending.map(([due, value, lower, upper]) => [due * step, value, lower, upper, null]),
    ],
  })),
});
