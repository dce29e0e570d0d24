/** What arrived, read by other means than the pack's: HTTP and the bare Kafka client. */
import { Kafka, logLevel } from "kafkajs";

/** All files below a WebHDFS directory that readers may see: names without a leading `+`, `_` or `.` folder. */
export async function lakeFiles(url: string, user: string, directory: string): Promise<{ path: string; text: string }[]> {
  const ask = (path: string, operation: string): Promise<Response> =>
    fetch(`${url}/webhdfs/v1${path}?op=${operation}&user.name=${user}`);
  const response = await ask(directory, "LISTSTATUS");
  if (response.status === 404) return [];
  const { FileStatuses } = (await response.json()) as {
    FileStatuses: { FileStatus: { pathSuffix: string; type: string }[] };
  };
  const found: { path: string; text: string }[] = [];
  for (const { pathSuffix, type } of FileStatuses.FileStatus) {
    if (/^[+_.]/u.test(pathSuffix)) continue;
    const path = `${directory}/${pathSuffix}`;
    if (type === "DIRECTORY") found.push(...(await lakeFiles(url, user, path)));
    else found.push({ path, text: await (await ask(path, "OPEN")).text() });
  }
  return found;
}

/** The rows of an InfluxQL query, times in ms. */
export async function influxRows(url: string, database: string, query: string): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${url}/query?db=${database}&epoch=ms&q=${encodeURIComponent(query)}`);
  const { results } = (await response.json()) as {
    results: { series?: { columns: string[]; values: unknown[][] }[] }[];
  };
  const series = results[0]?.series?.[0];
  if (!series) return [];
  return series.values.map((row) => Object.fromEntries(series.columns.map((column, at) => [column, row[at]])));
}

/** All records of the topics whose names match, as JSON, from the beginning to the end that they have now. */
export async function kafkaRecords(brokers: string, pattern: RegExp): Promise<{ topic: string; value: unknown }[]> {
  const kafka = new Kafka({ brokers: brokers.split(","), clientId: "observer", logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => pattern.test(topic));
  let expected = 0;
  for (const topic of topics) {
    for (const { high, low } of await admin.fetchTopicOffsets(topic)) expected += Number(high) - Number(low);
  }
  await admin.disconnect();
  const records: { topic: string; value: unknown }[] = [];
  if (expected === 0) return records;
  const consumer = kafka.consumer({ groupId: `observer-${process.pid}-${Date.now()}-${Math.random()}` });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: ({ topic, message }) => {
          records.push({ topic, value: JSON.parse(message.value?.toString("utf8") ?? "null") });
          if (records.length >= expected) resolve();
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return records;
}
