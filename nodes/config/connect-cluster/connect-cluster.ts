import { connectCluster, openConnect } from "../../lib/connect/cluster";
import { defineConfigNode } from "../../lib/node";
import { declaration } from "./declaration";

export = defineConfigNode(declaration, ({ settings }) => {
  const { urls, username, password, tls } = settings;
  const rest = openConnect({
    urls,
    ...(username !== "" && { login: { user: username, password } }),
    ...(tls && { tls }),
  });
  const cluster = connectCluster(rest);
  return {
    handle: cluster,
    test: async () => ({ word: "found", values: await cluster.about() }),
    close: () => rest.close(),
  };
});
