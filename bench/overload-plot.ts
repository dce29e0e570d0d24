/** A small plot: latency over the time of publishing, by a logarithmic scale. */

export interface Series {
  readonly name: string;
  readonly urgent: boolean;
  readonly dashed: boolean;
  /** s, ms */
  readonly points: readonly (readonly [number, number])[];
}

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [720, 340, 60, 34, 40];
const DECADES = [1, 10, 100, 1000, 10_000, 100_000];

export function overloadPlot(series: readonly Series[], title: string): string {
  const seconds = Math.max(1, ...series.flatMap(({ points }) => points.map(([second]) => second)));
  const top = Math.max(10, ...series.flatMap(({ points }) => points.map(([, ms]) => ms)));
  const decades = DECADES.filter((decade) => decade <= top * 10);
  const highest = Math.log10(decades.at(-1) ?? 10);
  const x = (second: number): number => Math.round((LEFT + ((WIDTH - LEFT - 20) * second) / seconds) * 10) / 10;
  const y = (ms: number): number =>
    Math.round((HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * Math.log10(Math.max(1, ms))) / highest) * 10) / 10;
  const lines = decades.map(
    (ms) =>
      `<path d="M${LEFT} ${y(ms)}H${WIDTH - 20}" stroke="#ccc"/><text x="${LEFT - 6}" y="${y(ms) + 4}" text-anchor="end">${
        ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
      }</text>`,
  );
  const steps = Array.from({ length: 6 }, (_, n) => Math.round((seconds * n) / 5));
  const marks = steps.map((s) => `<text x="${x(s)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${s} s</text>`);
  const drawn = series.map(({ urgent, dashed, points }) => {
    const d = points.map(([second, ms], n) => `${n === 0 ? "M" : "L"}${x(second)} ${y(ms)}`).join("");
    return `<path d="${d}" fill="none" stroke="${urgent ? "#c0392b" : "#2c6fbb"}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ""}/>`;
  });
  const legend = series.map(({ name, urgent, dashed }, n) => {
    const [left, line] = [LEFT + 10 + (n % 2) * 320, HEIGHT - BOTTOM - 34 + Math.floor(n / 2) * 18];
    return `<path d="M${left} ${line - 4}h24" stroke="${urgent ? "#c0392b" : "#2c6fbb"}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ""}/><text x="${left + 30}" y="${line}">${name}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/><text x="${LEFT}" y="20" font-size="14">${title} (p99 by second of publishing)</text>`,
    ...lines,
    ...marks,
    ...drawn,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}
