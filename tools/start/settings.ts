/** Node-RED's settings under `npm start`. The editor's language follows the browser, as everywhere in Node-RED. */
const settings = {
  flowFile: "flows.json",
  flowFilePretty: true,
  uiHost: "127.0.0.1",
  uiPort: Number(process.env["CITYSTREAM_PORT"] ?? 1880),
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false, projects: { enabled: false } },
  // what nodes and flows remember survives a restart
  contextStorage: { default: "file", file: { module: "localfilesystem" }, memory: { module: "memory" } },
  logging: { console: { level: "info", metrics: false, audit: false } },
};

export = settings;
