/** A completeness report as a picture: time from left to right, a strip for the readings and one for each column, red where something is missing. */
import type { CompletenessReport } from "./report";
import { timeText } from "./table";
import type { Timeline } from "./timeline";
import type { Wording } from "./words";

const WIDTH = 1_000;
const LABEL = 160;
const STRIP = 18;
const ROW = 26;
const TOP = 34;
/** Columns that are drawn; more would be no picture. */
const MOST_STRIPS = 40;
/** From nothing missing to everything, readable for the colour-blind by lightness too. */
const SHADES = ["#2a9d8f", "#f4d58d", "#f2a65a", "#e76f51", "#b00020"];
const EMPTY = "#d9d9d9";

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Index of the shade for a share that is missing: any loss at all is seen. */
const shade = (share: number): number => (share <= 0 ? 0 : share < 0.01 ? 1 : share < 0.1 ? 2 : share < 0.9 ? 3 : 4);

interface Strip {
  readonly label: string;
  /** Share that is missing by bucket; undefined where nothing was expected. */
  readonly shares: readonly (number | undefined)[];
}

function stripsOf(report: CompletenessReport, timeline: Timeline, word: Wording): Strip[] {
  const { rows, absent, missing } = timeline;
  const readings = rows.map((count, at) => {
    const lost = absent[at] ?? 0;
    return count + lost === 0 ? undefined : lost / (count + lost);
  });
  // half a reading is the rounding of where a gap begins and ends
  const seen = readings.map((share, at) => ((absent[at] ?? 0) < 0.5 && share !== undefined && rows[at] ? 0 : share));
  const columns = report.columns.slice(0, MOST_STRIPS).map(({ name }, column) => ({
    label: name,
    shares: rows.map((count, at) => (count === 0 ? undefined : (missing[column]?.[at] ?? 0) / count)),
  }));
  return [{ label: word("received"), shares: seen }, ...columns];
}

/** Neighbours of one colour are one rectangle. */
function rectangles(shares: Strip["shares"], y: number): string {
  const colours = shares.map((share) => (share === undefined ? EMPTY : SHADES[shade(share)]));
  const width = (WIDTH - LABEL) / shares.length;
  let drawn = "";
  for (let at = 0; at < colours.length;) {
    let next = at + 1;
    while (next < colours.length && colours[next] === colours[at]) next++;
    const x = (LABEL + at * width).toFixed(2);
    drawn += `<rect x="${x}" y="${y}" width="${((next - at) * width).toFixed(2)}" height="${STRIP}" fill="${colours[at]}"/>`;
    at = next;
  }
  return drawn;
}

/**
 * An SVG document of its own, for a file or a page. Shades stand for the share that is missing of a bucket: none,
 * below 1 %, below 10 %, below 90 %, more; grey where no row came.
 */
export function completenessPicture(report: CompletenessReport, word: Wording, offset = 0): string {
  const { timeline } = report;
  const strips = timeline ? stripsOf(report, timeline, word) : [];
  const height = TOP + strips.length * ROW + 24;
  const title = `${report.rows.toLocaleString("en-US")} ${word("rows")}`;
  const text = (x: number, y: number, content: string, anchor = "start"): string =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
  const body = strips
    .map(({ label, shares }, index) => {
      const y = TOP + index * ROW;
      const short = label.length > 22 ? `${label.slice(0, 21)}…` : label;
      return `<g><title>${escaped(label)}</title>${text(LABEL - 8, y + 13, short, "end")}${rectangles(shares, y)}</g>`;
    })
    .join("");
  const axis = timeline
    ? [0, 0.25, 0.5, 0.75, 1]
        .map((part) => {
          const time = timeline.from + part * timeline.rows.length * timeline.width;
          const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
          return text(LABEL + part * (WIDTH - LABEL), height - 8, timeText(time, offset).slice(0, 16), anchor);
        })
        .join("")
    : text(LABEL, TOP + 13, word("none"));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="100%" role="img" ` +
    `aria-label="${escaped(title)}" font-family="sans-serif" font-size="12" fill="#333">` +
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>${text(LABEL, 20, title)}${body}${axis}</svg>\n`
  );
}
