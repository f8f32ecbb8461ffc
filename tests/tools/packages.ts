/** Installs packages where they are missing; Bun's tasks run it first, Deno needs no such step. */
import { ensurePackages } from "./runtimes.ts";

ensurePackages();
