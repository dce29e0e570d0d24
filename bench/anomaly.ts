/**
 * What anomaly-detector's methods find with their default settings: precision and recall over the labels of the press data,
 * by method and field, and what a record costs.
 *
 *     npm run build && node dist/bench/anomaly.js [--csv file]
 *
 * An alert is right when it is raised during a fault of its field or within ten minutes after it; a fault is found when such an
 * alert is raised. With --csv the data and its labels are written as well.
 */
import { writeFileSync } from "node:fs";
import { METHODS } from "../nodes/lib/stream/anomaly/method";
import { scores, shares, withForecasts, type Score } from "./anomaly-score";
import { KINDS, pressCsv, pressData } from "./press-data";

const data = pressData();
const records = withForecasts(data.records);
const [option, file] = process.argv.slice(2);
if (option === "--csv" && file) writeFileSync(file, pressCsv(data));

const percent = (share: number): string => (Number.isNaN(share) ? "–" : `${(100 * share).toFixed(0)} %`).padStart(7);
const columns = ["method", "field", "alerts", "precision", "recall", ...KINDS];
console.log(`${data.records.length} records, ${data.labels.length} faults`);
console.log(columns.map((name, at) => (at < 2 ? name.padEnd(12) : name.padStart(9))).join(""));
const line = (name: string, field: string, some: readonly Score[]): void => {
  const { precision, recall, byKind } = shares(some);
  const alerts = some.reduce((sum, score) => sum + score.alerts, 0);
  const figures = [precision, recall, ...KINDS.map((kind) => byKind[kind])].map((share) => percent(share).padStart(9));
  console.log(name.padEnd(12) + field.padEnd(12) + String(alerts).padStart(9) + figures.join(""));
};
for (const method of METHODS) {
  const before = process.cpuUsage();
  const found = scores(records, data.labels, [method]);
  const { user, system } = process.cpuUsage(before);
  for (const one of found) line(method, one.field, [one]);
  line(method, "all", found);
  console.log(`            ${((user + system) / (3 * data.records.length)).toFixed(2)} µs a record and field\n`);
}
