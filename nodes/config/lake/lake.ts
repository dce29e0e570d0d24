import { openStore, tryStore } from "../../lib/lake/open";
import type { Lake } from "../../lib/lake/lake";
import { defineConfigNode } from "../../lib/node";
import { declaration } from "./declaration";

export = defineConfigNode(declaration, ({ RED, settings }) => {
  const { endpoint, region, accessKey, secretKey, sessionToken } = settings;
  const store = openStore({
    ...settings,
    timeout: settings.timeout * 1000,
    userDir: RED.settings.userDir,
    s3: { endpoint, region, accessKeyId: accessKey, secretAccessKey: secretKey, sessionToken },
  });
  const handle: Lake = { store, address: store.address };
  return {
    handle,
    async test() {
      const { address, took, replication, blockSize } = await tryStore(store);
      if (replication === undefined || blockSize === undefined) return { word: "folder", values: { address, took } };
      const megabytes = Math.round((blockSize / 1024 / 1024) * 100) / 100;
      return { word: "hdfs", values: { address, took, replication, blockSize: megabytes } };
    },
    close: () => store.close(),
  };
});
