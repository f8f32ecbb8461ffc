import { main } from "./src/cli/main.ts";
import { getHost } from "./src/platform/mod.ts";

const host = await getHost();
// Everything is written that somebody reads; neither who doesn't nor an idle connection to a daemon may delay the end.
host.ownProcess.exit(await main(host.ownProcess.args, { host, library: () => import("./mod.ts") }));
