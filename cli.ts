import { main } from "./src/cli/main.ts";
import { getHost } from "./src/platform/mod.ts";

const host = await getHost();
// Everything is written that somebody reads; neither who doesn't nor an idle connection to a daemon may delay the end.
host.process.exit(await main(host.process.args, { host, library: () => import("./mod.ts") }));
