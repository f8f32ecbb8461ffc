import { pathToFileURL } from "node:url";
import type { Modules } from "../core/ports/modules.ts";

/** Loads code with Deno. */
export const modulesOnDeno: Modules = {
  load: (path) => import(pathToFileURL(path).href),
  unloadable: () => undefined,
  provide: () => {/* imports are settled by the configuration of whoever runs Deno */},
};
