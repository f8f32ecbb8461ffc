import type { Modules } from "../core/ports/modules.ts";
import { bun } from "./bun.ts";

/** Loads code with Bun. */
export const modulesOnBun: Modules = {
  // A path, because a file URL is not read anew after a change.
  load: (path) =>
    import(path).catch((error) => {
      const { position, message } = error as { position?: { file: string; line: number; column: number } | null; message: string };
      throw position ? new SyntaxError(`${position.file}:${position.line}:${position.column}: ${message}`, { cause: error }) : error;
    }),
  // It takes what follows "?" for a query and "\\" for "/", however the path is written.
  unloadable: (path) =>
    /[?\\]/.test(path) ? `Bun can't load a file whose path has ${path.includes("?") ? "?" : "\\"} in it: ${path}` : undefined,
  provide(name, exports) {
    bun.plugin({ name, setup: (build) => build.module(name, async () => ({ exports: await exports(), loader: "object" })) });
  },
};
