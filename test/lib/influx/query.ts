/** Asks an InfluxDB 1.8 itself what it holds. */

/** Rows of an InfluxQL query's first series, as objects. */
export async function influxRows(url: string, database: string, query: string): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${url}/query?db=${database}&epoch=ms&q=${encodeURIComponent(query)}`);
  const body = (await answer.json()) as {
    results: { series?: { columns: string[]; values: unknown[][] }[]; error?: string }[];
  };
  const [result] = body.results;
  if (result?.error) throw new Error(result.error);
  const series = result?.series?.[0];
  return (series?.values ?? []).map((row) =>
    Object.fromEntries(series?.columns.map((name, at) => [name, row[at]]) ?? []),
  );
}
